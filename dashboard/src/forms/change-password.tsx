/** Changing one's own password, by choice or after a one-time password. */
import { Button, Group, PasswordInput, Stack } from '@mantine/core';
import { useForm } from '@mantine/form';
import { notice } from '~/ui/notice';
import { useMutation } from '@tanstack/react-query';
import { changePassword } from '~/api/actions';
import { ApiError } from '~/api/client';
import { useWords } from '~/i18n';
import { useErrorText } from '~/ui/states';

/** As the server demands; it checks again. */
const SHORTEST = 12;

interface ChangePasswordFormProps {
  readonly onDone: () => void;
  /** Absent where there is no way around the change. */
  readonly onCancel?: () => void;
}

export function ChangePasswordForm({ onDone, onCancel }: ChangePasswordFormProps) {
  const { t } = useWords();
  const form = useForm({
    initialValues: { current: '', next: '', repeat: '' },
    validate: {
      current: (value) => (value === '' ? t('signIn.required') : null),
      next: (value) => (value.length < SHORTEST ? t('password.tooShort', { count: SHORTEST }) : null),
      repeat: (value, values) => (value === values.next ? null : t('password.mismatch')),
    },
  });
  const change = useMutation({
    mutationFn: changePassword,
    onSuccess: () => {
      notice(t('password.done'));
      onDone();
    },
  });
  const failure = useErrorText(change.error);
  const wrong = change.error instanceof ApiError && change.error.code === 'wrong_password';
  return (
    <form onSubmit={form.onSubmit(({ current, next }) => change.mutate({ current, next }))} noValidate>
      <Stack gap="sm">
        <PasswordInput
          label={t('password.current')}
          autoComplete="current-password"
          data-autofocus
          {...form.getInputProps('current')}
          error={form.errors['current'] ?? (change.isError ? (wrong ? t('password.wrong') : failure) : null)}
        />
        <PasswordInput
          label={t('password.next')}
          description={t('password.hint', { count: SHORTEST })}
          autoComplete="new-password"
          {...form.getInputProps('next')}
        />
        <PasswordInput label={t('password.repeat')} autoComplete="new-password" {...form.getInputProps('repeat')} />
        <Group justify="flex-end" mt="sm">
          {onCancel !== undefined && (
            <Button variant="default" onClick={onCancel}>
              {t('common.cancel')}
            </Button>
          )}
          <Button type="submit" loading={change.isPending}>
            {t('password.submit')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
