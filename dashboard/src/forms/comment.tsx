/** A remark for the next shift, kept in the alert's history. */
import { Button, Group, Stack, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { notice } from '~/ui/notice';
import { useMutation } from '@tanstack/react-query';
import { addComment } from '~/api/actions';
import type { AlertDetail } from '~/api/types';
import { useWords } from '~/i18n';
import { useErrorText } from '~/ui/states';

interface CommentFormProps {
  readonly alert: number;
  readonly onDone: () => void;
  readonly onStored: (alert: AlertDetail) => void;
}

export function CommentForm({ alert, onDone, onStored }: CommentFormProps) {
  const { t } = useWords();
  const form = useForm({
    initialValues: { text: '' },
    validate: { text: (value) => (value.trim() === '' ? t('signIn.required') : null) },
  });
  const adding = useMutation({
    mutationFn: addComment,
    onSuccess: (changed) => {
      onStored(changed);
      notice(t('alert.commentedNow'));
      onDone();
    },
  });
  const failure = useErrorText(adding.error);
  return (
    <form onSubmit={form.onSubmit(({ text }) => adding.mutate({ id: alert, text: text.trim() }))} noValidate>
      <Stack gap="md">
        <Textarea
          label={t('alert.comment')}
          withAsterisk
          autosize
          minRows={3}
          maxRows={10}
          maxLength={4000}
          data-autofocus
          {...form.getInputProps('text')}
        />
        {adding.isError && <Text role="alert">{failure}</Text>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={adding.isPending}>
            {t('alert.addComment')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
