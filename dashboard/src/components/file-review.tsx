/** What was said of a change, and the two things that may be said of it now. */
import { Button, Group, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { takeBackReview } from '~/api/file-actions';
import type { EventRow, FileReviewRequest } from '~/api/types';
import { FileReviewForm } from '~/forms/file-review';
import { useWords } from '~/i18n';
import { IconCheck, IconFlag } from '~/ui/icons';
import { notice } from '~/ui/notice';
import { useErrorText } from '~/ui/states';
import { ReviewText } from './file-words';
import { useMay } from './rights';
import classes from './file-review.module.css';

export function FileReview({ event }: { event: Pick<EventRow, 'host' | 'key' | 'file' | 'review'> }) {
  const { t } = useWords();
  const may = useMay('reviewFiles');
  const [verdict, setVerdict] = useState<FileReviewRequest['verdict']>();
  const { review } = event;
  const bad = event.file?.known === 'bad';
  if (!may && review == null) return null;
  const heading = verdict === undefined ? t('review.title') : t(`review.${TITLES[verdict]}`);
  return (
    <section className={classes.review} aria-label={heading}>
      <Title order={3}>{heading}</Title>
      {review != null && <ReviewText review={review} />}
      {may && review != null && verdict === undefined && (
        <TakeBack host={event.host} event={event.key} review={review.id} />
      )}
      {may && verdict === undefined && (
        <Group gap="xs">
          {!bad && (
            <Button
              variant="default"
              leftSection={<IconCheck size={16} aria-hidden />}
              onClick={() => setVerdict('accepted')}
            >
              {t('review.accept')}
            </Button>
          )}
          <Button
            variant="default"
            leftSection={<IconFlag size={16} aria-hidden />}
            onClick={() => setVerdict('flagged')}
          >
            {t('review.flag')}
          </Button>
        </Group>
      )}
      {may && bad && verdict === undefined && (
        <Text fz="sm" c="dimmed">
          {t('review.badNote')}
        </Text>
      )}
      {verdict !== undefined && (
        <FileReviewForm key={verdict} event={event} verdict={verdict} onDone={() => setVerdict(undefined)} />
      )}
    </section>
  );
}

interface TakeBackProps {
  readonly host: number;
  readonly event: string;
  readonly review: number;
}

function TakeBack({ host, event, review }: TakeBackProps) {
  const { t } = useWords();
  const queries = useQueryClient();
  const takingBack = useMutation({
    mutationFn: takeBackReview,
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['events', host] });
      void queries.invalidateQueries({ queryKey: ['event', event] });
      notice(t('review.takenBackNow'));
    },
  });
  const failure = useErrorText(takingBack.error);
  return (
    <div>
      <Button
        variant="default"
        size="compact-sm"
        loading={takingBack.isPending}
        onClick={() => takingBack.mutate({ host, review })}
      >
        {t('review.takeBack')}
      </Button>
      {takingBack.isError && <Text role="alert">{failure}</Text>}
    </div>
  );
}

const TITLES = { accepted: 'acceptTitle', flagged: 'flagTitle' } as const;
