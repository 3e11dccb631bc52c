/** Accepting a change of a file as the new state, or flagging it: a reason, for whom it holds, and what else. */
import { Button, Checkbox, Group, Radio, Stack, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { ApiError } from '~/api/client';
import { reviewFile } from '~/api/file-actions';
import type { EventRow, FileReviewRequest } from '~/api/types';
import { useMay } from '~/components/rights';
import { useWords } from '~/i18n';
import { notice } from '~/ui/notice';
import { useErrorText } from '~/ui/states';

/** As the server demands; it checks again. */
const REASON_MIN = 3;
const REASON_MAX = 500;

interface FileReviewFormProps {
  readonly event: Pick<EventRow, 'host' | 'key' | 'file'>;
  readonly verdict: FileReviewRequest['verdict'];
  readonly onDone: () => void;
}

export function FileReviewForm({ event, verdict, onDone }: FileReviewFormProps) {
  const { t } = useWords();
  const queries = useQueryClient();
  const flagging = verdict === 'flagged';
  // Only content that is known can be listed.
  const listable = useMay('keepHashes') && flagging && event.file?.sha256 != null && event.file.known !== 'bad';
  const form = useForm({
    initialValues: { reason: '', scope: 'host', addHash: false },
    validate: { reason: (value) => (value.trim().length < REASON_MIN ? t('review.reasonRequired') : null) },
  });
  const reviewing = useMutation({
    mutationFn: reviewFile,
    onSuccess: (_done, { add_hash: listed }) => {
      void queries.invalidateQueries({ queryKey: ['events', event.host] });
      void queries.invalidateQueries({ queryKey: ['event', event.key] });
      if (listed === true) void queries.invalidateQueries({ queryKey: ['hashes'] });
      notice(flagging ? t('review.flaggedNow') : t('review.acceptedNow'));
      onDone();
    },
  });
  const otherwise = useErrorText(reviewing.error);
  const unknown = reviewing.error instanceof ApiError && reviewing.error.params.state === 'content_unknown';
  const failure = unknown ? t('review.contentUnknown') : otherwise;
  const submit = form.onSubmit(({ reason, scope, addHash }) =>
    reviewing.mutate({
      host: event.host,
      event_key: event.key,
      verdict,
      reason: reason.trim(),
      scope: scope === 'unit' ? 'unit' : 'host',
      ...(listable ? { add_hash: addHash } : {}),
    }),
  );
  return (
    <form onSubmit={submit} noValidate aria-label={flagging ? t('review.flagTitle') : t('review.acceptTitle')}>
      <Stack gap="md">
        <Text c="dimmed">{flagging ? t('review.flagNote') : t('review.acceptNote')}</Text>
        <Textarea
          label={t('review.reason')}
          placeholder={flagging ? t('review.flagHint') : t('review.acceptHint')}
          withAsterisk
          autosize
          minRows={2}
          maxRows={8}
          maxLength={REASON_MAX}
          data-autofocus
          {...form.getInputProps('reason')}
        />
        <ReviewScopeChoice {...form.getInputProps('scope')} />
        {listable && (
          <Checkbox
            label={t('review.addHash')}
            description={t('review.addHashNote')}
            {...form.getInputProps('addHash', { type: 'checkbox' })}
          />
        )}
        {reviewing.isError && <Text role="alert">{failure}</Text>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={reviewing.isPending}>
            {flagging ? t('review.flag') : t('review.accept')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** For which PCs a word about a file holds. */
export function ReviewScopeChoice(props: ReturnType<ReturnType<typeof useForm>['getInputProps']>) {
  const { t } = useWords();
  return (
    <Radio.Group label={t('review.scope')} {...props}>
      <Stack gap={8} mt={6}>
        <Radio value="host" label={t('review.scopeHost')} />
        <Radio value="unit" label={t('review.scopeUnit')} />
      </Stack>
    </Radio.Group>
  );
}
