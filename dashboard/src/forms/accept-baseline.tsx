/** Accepting the changes of an alert that its page shows as the new state, which closes it: the reason is asked for. */
import { Button, Group, Stack, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError } from '~/api/client';
import { acceptBaseline } from '~/api/file-actions';
import type { AlertDetail, Finding } from '~/api/types';
import { useWords } from '~/i18n';
import { notice } from '~/ui/notice';
import { useErrorText } from '~/ui/states';
import { formatNumber } from '~/util/format';
import { ReviewScopeChoice } from './file-review';

/** As the server demands; it checks again. */
const REASON_MIN = 3;
const REASON_MAX = 500;

interface AcceptBaselineFormProps {
  readonly alert: Pick<AlertDetail, 'id' | 'host' | 'findings' | 'findings_list'>;
  readonly onDone: () => void;
  readonly onStored: (alert: AlertDetail) => void;
}

export function AcceptBaselineForm({ alert, onDone, onStored }: AcceptBaselineFormProps) {
  const { t, language } = useWords();
  // What joins the alert while the form is open has not been seen.
  const [seen] = useState(alert);
  const { covered, uncovered } = coverage(seen);
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
  const failure = useConflictText(accepting.error);
  return (
    <form
      onSubmit={form.onSubmit(({ reason, scope }) =>
        accepting.mutate({
          id: alert.id,
          reason: reason.trim(),
          scope: scope === 'unit' ? 'unit' : 'host',
          findings: seen.findings_list.map(({ id }) => id),
        }),
      )}
      noValidate
    >
      <Stack gap="md">
        <Text c="dimmed">{t('baseline.note', { count: covered, shown: formatNumber(covered, language) })}</Text>
        {uncovered > 0 && (
          <Text>{t('baseline.uncovered', { count: uncovered, shown: formatNumber(uncovered, language) })}</Text>
        )}
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

/** How many changes of an alert are accepted, and how many are not; the server decides. */
function coverage({ findings, findings_list: list }: AcceptBaselineFormProps['alert']) {
  const others = list.filter((finding) => !isAcceptable(finding));
  const held = others.map(({ evidence }) => (typeof evidence.more === 'number' ? evidence.more : 1));
  const unseen = Math.max(0, findings - list.length);
  return { covered: list.length - others.length, uncovered: held.reduce((sum, more) => sum + more, unseen) };
}

/** Whether a finding names a state of a file that is certain: its content is known, or there is none. */
function isAcceptable({ rule, evidence }: Pick<Finding, 'rule' | 'evidence'>): boolean {
  const certain =
    evidence.sha256 != null ||
    evidence.size == null ||
    evidence.link_text != null ||
    evidence.sha256_absent === 'not_a_file';
  return rule === 'file.critical_changed' && evidence.state_key != null && certain;
}

function useConflictText(error: unknown): string {
  const { t } = useWords();
  const otherwise = useErrorText(error);
  const state = error instanceof ApiError && error.status === 409 ? error.params.state : undefined;
  if (state === 'findings_changed') return t('baseline.findings_changed');
  if (state === 'nothing_to_accept') return t('baseline.nothing_to_accept');
  return otherwise;
}
