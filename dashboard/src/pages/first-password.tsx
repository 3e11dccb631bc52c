/** After signing in with a one-time password: nothing else until it is replaced. */
import { Paper, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { meQuery } from '~/api/queries';
import { ChangePasswordForm } from '~/forms/change-password';
import { useWords } from '~/i18n';
import classes from './sign-in.module.css';

export function FirstPasswordPage() {
  const { t } = useWords();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const goOn = async () => {
    await queries.fetchQuery({ ...meQuery(), staleTime: 0 });
    await navigate({ to: '/', replace: true });
  };
  return (
    <main className={classes.page}>
      <Paper withBorder radius="md" p="xl" className={classes.card}>
        <Stack gap="md">
          <Title order={1} fz="lg">
            {t('firstPassword.title')}
          </Title>
          <Text c="dimmed">{t('firstPassword.note')}</Text>
          <ChangePasswordForm onDone={() => void goOn()} />
        </Stack>
      </Paper>
    </main>
  );
}
