/** Closing an alert: a verdict and a reason, both asked for. */
import { Button, Group, Radio, Stack, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { notice } from '~/ui/notice';
import { useMutation } from '@tanstack/react-query';
import { resolve } from '~/api/actions';
import type { AlertDetail, Verdict } from '~/api/types';
import { useWords } from '~/i18n';
import { useErrorText } from '~/ui/states';

const VERDICTS = ['true', 'benign', 'false'] as const;

interface ResolveFormProps {
  readonly alert: number;
  readonly onDone: () => void;
  readonly onStored: (alert: AlertDetail) => void;
}

export function ResolveForm({ alert, onDone, onStored }: ResolveFormProps) {
  const { t } = useWords();
  const form = useForm({
    initialValues: { verdict: '', comment: '' },
    validate: {
      verdict: (value) => (value === '' ? t('alert.verdictRequired') : null),
      comment: (value) => (value.trim() === '' ? t('alert.commentRequired') : null),
    },
  });
  const closing = useMutation({
    mutationFn: resolve,
    onSuccess: (changed) => {
      onStored(changed);
      notice(t('alert.resolvedNow'));
      onDone();
    },
  });
  const failure = useErrorText(closing.error);
  const submit = form.onSubmit(({ verdict, comment }) =>
    closing.mutate({ id: alert, verdict: verdict as Verdict, comment: comment.trim() }),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <Text c="dimmed">{t('alert.resolveNote')}</Text>
        <Radio.Group label={t('verdict.label')} withAsterisk {...form.getInputProps('verdict')}>
          <Stack gap={8} mt={6}>
            {VERDICTS.map((verdict) => (
              <Radio key={verdict} value={verdict} label={t(`verdict.${verdict}`)} />
            ))}
          </Stack>
        </Radio.Group>
        <Textarea
          label={t('alert.comment')}
          placeholder={t('alert.commentHint')}
          withAsterisk
          autosize
          minRows={3}
          maxRows={10}
          maxLength={4000}
          {...form.getInputProps('comment')}
        />
        {closing.isError && <Text role="alert">{failure}</Text>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={closing.isPending}>
            {t('alert.resolve')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
