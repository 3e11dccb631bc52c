/** The only page without a session. */
import { Alert, Paper, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { LanguageSwitch } from '~/components/language-switch';
import { SignInForm } from '~/forms/sign-in';
import { useWords } from '~/i18n';
import logo from '~/ui/vong.svg';
import classes from './sign-in.module.css';

const route = getRouteApi('/sign-in');

export function SignInPage() {
  const { t } = useWords();
  const { next, expired } = route.useSearch();
  const router = useRouter();
  const queries = useQueryClient();
  useEffect(() => {
    document.title = `${t('signIn.title')} · ${t('app.name')}`;
  }, [t]);
  const enter = () => {
    queries.clear();
    void router.navigate({ href: localPath(next), replace: true });
  };
  return (
    <main className={classes.page}>
      <Paper withBorder radius="md" p="xl" className={classes.card}>
        <Stack gap="lg">
          <div className={classes.brand}>
            <img src={logo} alt="" width={40} height={40} />
            <div>
              <Text fw={650} fz="xl" lh={1.2}>
                {t('app.name')}
              </Text>
              <Text c="dimmed">{t('app.tagline')}</Text>
            </div>
          </div>
          <Title order={1} fz="lg">
            {t('signIn.title')}
          </Title>
          {expired === true && <Alert variant="outline">{t('signIn.expired')}</Alert>}
          <SignInForm onSignedIn={enter} />
        </Stack>
      </Paper>
      <LanguageSwitch />
    </main>
  );
}

/** Only ever back into the dashboard: `next` may have been written by anybody. */
export function localPath(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])/.test(next) ? next : '/';
}
