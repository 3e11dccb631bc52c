/** Accepting every change of an alert as the new state, which closes the alert: the reason is asked for. */
import { Button, Group, Stack, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { acceptBaseline } from '~/api/file-actions';
import type { AlertDetail } from '~/api/types';
import { ReviewScopeChoice } from './file-review';
import { useWords } from '~/i18n';
import { notice } from '~/ui/notice';
import { useErrorText } from '~/ui/states';

/** As the server demands; it checks again. */
const REASON_MIN = 3;
const REASON_MAX = 500;

interface AcceptBaselineFormProps {
  readonly alert: Pick<AlertDetail, 'id' | 'host'>;
  readonly onDone: () => void;
  readonly onStored: (alert: AlertDetail) => void;
}

export function AcceptBaselineForm({ alert, onDone, onStored }: AcceptBaselineFormProps) {
  const { t } = useWords();
  const queries = useQueryClient();
  const form = useForm({
    initialValues: { reason: '', scope: 'host' },
    validate: { reason: (value) => (value.trim().length < REASON_MIN ? t('review.reasonRequired') : null) },
  });
  const accepting = useMutation({
    mutationFn: acceptBaseline,
    onSuccess: (changed) => {
      onStored(changed);
      void queries.invalidateQueries({ queryKey: ['events', alert.host.id] });
      notice(t('baseline.done'));
      onDone();
    },
  });
  const failure = useErrorText(accepting.error);
  return (
    <form
      onSubmit={form.onSubmit(({ reason, scope }) =>
        accepting.mutate({ id: alert.id, reason: reason.trim(), scope: scope === 'unit' ? 'unit' : 'host' }),
      )}
      noValidate
    >
      <Stack gap="md">
        <Text c="dimmed">{t('baseline.note')}</Text>
        <Textarea
          label={t('review.reason')}
          placeholder={t('baseline.hint')}
          withAsterisk
          autosize
          minRows={3}
          maxRows={10}
          maxLength={REASON_MAX}
          data-autofocus
          {...form.getInputProps('reason')}
        />
        <ReviewScopeChoice {...form.getInputProps('scope')} />
        {accepting.isError && <Text role="alert">{failure}</Text>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={accepting.isPending}>
            {t('baseline.submit')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
