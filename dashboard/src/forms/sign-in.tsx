/** The sign-in form; what the server refuses is said beside the fields. */
import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { signIn } from '~/api/actions';
import { ApiError } from '~/api/client';
import { useWords } from '~/i18n';
import { useErrorText } from '~/ui/states';

export function SignInForm({ onSignedIn }: { onSignedIn: () => void }) {
  const { t } = useWords();
  const form = useForm({
    initialValues: { user: '', password: '' },
    validate: {
      user: (value) => (value.trim() === '' ? t('signIn.required') : null),
      password: (value) => (value === '' ? t('signIn.required') : null),
    },
  });
  const first = useRef<HTMLInputElement>(null);
  // The page has one purpose: whoever opens it wants to type a name.
  useEffect(() => first.current?.focus(), []);
  const attempt = useMutation({ mutationFn: signIn, onSuccess: onSignedIn });
  return (
    <form onSubmit={form.onSubmit((values) => attempt.mutate(values))} noValidate>
      <Stack gap="md">
        {attempt.isError && <Refusal error={attempt.error} />}
        <TextInput
          label={t('signIn.user')}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          size="md"
          ref={first}
          {...form.getInputProps('user')}
        />
        <PasswordInput
          label={t('signIn.password')}
          autoComplete="current-password"
          size="md"
          {...form.getInputProps('password')}
        />
        <Button type="submit" size="md" loading={attempt.isPending} fullWidth>
          {t('signIn.submit')}
        </Button>
      </Stack>
    </form>
  );
}

function Refusal({ error }: { error: unknown }) {
  const { t } = useWords();
  const other = useErrorText(error);
  const status = error instanceof ApiError ? error.status : undefined;
  const text = status === 401 ? t('signIn.refused') : status === 429 ? t('signIn.throttled') : other;
  return (
    <Alert color="red" variant="outline" role="alert" p="sm">
      {text}
    </Alert>
  );
}
