/** Who is signed in, and what belongs to that person: language, appearance, password, leaving. */
import {
  Button,
  Menu,
  SegmentedControl,
  Stack,
  Text,
  useMantineColorScheme,
  type MantineColorScheme,
} from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import { useMutation, useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { signOut } from '~/api/actions';
import { meQuery } from '~/api/queries';
import { ChangePasswordForm } from '~/forms/change-password';
import { useWords } from '~/i18n';
import { Dialog } from '~/ui/dialog';
import { IconChevronDown, IconKeyboard, IconLock, IconLogout, IconUserCircle } from '~/ui/icons';
import { LanguageSwitch } from './language-switch';
import { Shortcuts } from './shortcuts';

export function AccountMenu() {
  const { t } = useWords();
  const me = useSuspenseQuery(meQuery()).data;
  const [changing, password] = useDisclosure(false);
  const [helping, help] = useDisclosure(false);
  const leave = useLeave();
  useHotkeys([['shift+?', help.toggle]]);
  return (
    <>
      <Menu position="bottom-end" width={260} shadow="md" closeOnItemClick={false}>
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            c="var(--mantine-color-text)"
            px="xs"
            leftSection={<IconUserCircle size={18} aria-hidden />}
            rightSection={<IconChevronDown size={14} aria-hidden />}
            aria-label={`${t('account.menu')}: ${me.name}`}
          >
            <Text span visibleFrom="sm" fz="sm">
              {me.name}
            </Text>
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Preferences />
          <Menu.Divider />
          <Menu.Item leftSection={<IconKeyboard size={16} />} closeMenuOnClick onClick={help.open}>
            {t('account.shortcuts')}
          </Menu.Item>
          <Menu.Item leftSection={<IconLock size={16} />} closeMenuOnClick onClick={password.open}>
            {t('account.changePassword')}
          </Menu.Item>
          <Menu.Item leftSection={<IconLogout size={16} />} closeMenuOnClick onClick={leave}>
            {t('account.signOut')}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Dialog title={t('password.title')} opened={changing} onClose={password.close}>
        <ChangePasswordForm onDone={password.close} onCancel={password.close} />
      </Dialog>
      <Dialog title={t('account.shortcuts')} opened={helping} onClose={help.close}>
        <Shortcuts />
      </Dialog>
    </>
  );
}

/** Kept in this browser: they concern the screen, not the account. */
function Preferences() {
  const { t } = useWords();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Stack gap={6} p="xs">
      <Text fz="xs" c="dimmed" aria-hidden>
        {t('account.language')}
      </Text>
      <LanguageSwitch />
      <Text fz="xs" c="dimmed" aria-hidden>
        {t('account.appearance')}
      </Text>
      <SegmentedControl
        aria-label={t('account.appearance')}
        size="xs"
        value={colorScheme}
        onChange={(value) => setColorScheme(value as MantineColorScheme)}
        data={[
          { value: 'light', label: t('account.light') },
          { value: 'dark', label: t('account.dark') },
          { value: 'auto', label: t('account.auto') },
        ]}
      />
    </Stack>
  );
}

/** Nothing of the former user may stay in memory after signing out. */
function useLeave(): () => void {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const leaving = useMutation({
    mutationFn: signOut,
    onSettled: async () => {
      queries.clear();
      await navigate({ to: '/sign-in' });
    },
  });
  return () => leaving.mutate();
}
