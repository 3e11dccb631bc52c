/** Who is signed in, and what belongs to that person: language, appearance, password, leaving. */
import {
  Button,
  type MantineColorScheme,
  Popover,
  SegmentedControl,
  Stack,
  Text,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import { useMutation, useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { rememberLanguage, signOut } from '~/api/actions';
import { meQuery } from '~/api/queries';
import { ChangePasswordForm } from '~/forms/change-password';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { Dialog } from '~/ui/dialog';
import { IconChevronDown, IconKeyboard, IconLock, IconLogout, IconUserCircle } from '~/ui/icons';
import { LanguageSwitch } from './language-switch';
import { Shortcuts } from './shortcuts';

export function AccountMenu() {
  const { t } = useWords();
  const { name } = useSuspenseQuery(meQuery()).data;
  const [opened, menu] = useDisclosure(false);
  const [changing, password] = useDisclosure(false);
  const [helping, help] = useDisclosure(false);
  const leave = useLeave();
  useHotkeys([['shift+?', help.toggle]]);
  const closing = (action: () => void) => () => {
    menu.close();
    action();
  };
  return (
    <>
      <Popover opened={opened} onChange={menu.close} position="bottom-end" width={264} shadow="md" trapFocus>
        <Popover.Target>
          <Button
            variant="subtle"
            c="var(--mantine-color-text)"
            px="xs"
            leftSection={<IconUserCircle size={18} aria-hidden />}
            rightSection={<IconChevronDown size={14} aria-hidden />}
            aria-label={`${t('account.menu')}: ${name}`}
            onClick={menu.toggle}
          >
            <Text span visibleFrom="sm" fz="sm">
              {name}
            </Text>
          </Button>
        </Popover.Target>
        <Popover.Dropdown p="xs" aria-label={t('account.menu')}>
          <Whoami />
          <Preferences />
          <Stack gap={2} mt="xs">
            <Entry icon={<IconKeyboard size={16} />} label={t('account.shortcuts')} onClick={closing(help.open)} />
            <Entry icon={<IconLock size={16} />} label={t('account.changePassword')} onClick={closing(password.open)} />
            <Entry icon={<IconLogout size={16} />} label={t('account.signOut')} onClick={closing(leave)} />
          </Stack>
        </Popover.Dropdown>
      </Popover>
      <Dialog title={t('password.title')} opened={changing} onClose={password.close}>
        <ChangePasswordForm onDone={password.close} onCancel={password.close} />
      </Dialog>
      <Dialog title={t('account.shortcuts')} opened={helping} onClose={help.close}>
        <Shortcuts />
      </Dialog>
    </>
  );
}

/** The role and the unit that one sees: why some things may be out of sight. */
function Whoami() {
  const { word } = useCodes();
  const { name, role, unit } = useSuspenseQuery(meQuery()).data;
  return (
    <div>
      <Text fw={600}>{name}</Text>
      <Text fz="sm" c="dimmed">
        {[word('role', role), unit?.name].filter(Boolean).join(' · ')}
      </Text>
    </div>
  );
}

interface EntryProps {
  readonly icon: ReactNode;
  readonly label: string;
  readonly onClick: () => void;
}

function Entry({ icon, label, onClick }: EntryProps) {
  return (
    <Button variant="subtle" justify="flex-start" c="var(--mantine-color-text)" leftSection={icon} onClick={onClick}>
      {label}
    </Button>
  );
}

/** The appearance concerns this screen; the language goes with the account. */
function Preferences() {
  const { t } = useWords();
  const remember = useMutation({ mutationFn: rememberLanguage });
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Stack gap={6} mt="sm">
      <LanguageSwitch onChosen={(language) => remember.mutate(language)} />
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
