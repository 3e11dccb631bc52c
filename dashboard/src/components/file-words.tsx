/** What is said of a file's change beside its path: what differs, how often, what explains it, what people said of it. */
import { useWords } from '~/i18n';
import { STANDARD, useCodes } from '~/i18n/codes';
import type { CauseReport, EventRow, FileReport } from '~/api/types';
import { Hostile } from '~/ui/hostile';
import { ToneText } from '~/ui/tone';
import { formatDateTime, formatDuration, formatNumber } from '~/util/format';
import { escapeHostile } from '~/util/hostile';
import classes from './file-words.module.css';

/** The standard places, as a policy names them. */
export const PLACES = [
  'system_binaries',
  'boot',
  'services',
  'scheduled',
  'hosts',
  'accounts',
  'ssh_keys',
  'web_roots',
] as const;

/** Whether a watch is a place of every PC, not one of the policy's own. */
export const isStandard = (watch: string): boolean => watch.startsWith(STANDARD);

/** A place of every PC in words, a watch of the policy by its own name. */
export function WatchText({ watch }: { watch: string }) {
  const { t } = useWords();
  const { word } = useCodes();
  if (watch === '') return <>{t('fileTimeline.unwatched')}</>;
  if (isStandard(watch)) return <>{word('watchPlace', watch.slice(STANDARD.length))}</>;
  return <Hostile text={watch} />;
}

/** What explains a change, in one sentence. */
export function CauseText({ cause: { kind, name, version, by } }: { cause: CauseReport }) {
  const { phrase } = useCodes();
  const code = kind === 'package' && (version ?? '') === '' ? 'package_removed' : kind;
  return <>{phrase('cause', code, { name, version, by })}</>;
}

/** "12 lần trong 3 giây"; nothing of a change that was reported once. */
export function useCountText(): (file: Pick<FileReport, 'count' | 'first_ms'>, lastMs: number) => string | undefined {
  const { t, language } = useWords();
  return ({ count, first_ms: first }, lastMs) => {
    if (count < 2) return undefined;
    const times = formatNumber(count, language);
    const span = first == null ? 0 : Math.max(0, lastMs - first);
    return span < 1
      ? t('fileTimeline.countAtOnce', { times })
      : t('fileTimeline.count', { times, span: formatDuration(span, language) });
  };
}

/** What differs from before, in words; its being new or gone says more than what differs. */
export function useAspects(): (file: Pick<FileReport, 'changed'>) => string {
  const { word } = useCodes();
  return ({ changed }) => changed.map((aspect) => word('aspect', aspect)).join(', ');
}

/** The second line of a change: what differs, how often, what explains it. */
export function ChangeNote({ event }: { event: EventRow }) {
  const { t } = useWords();
  const countText = useCountText();
  const aspects = useAspects();
  const { file } = event;
  if (file == null) return null;
  const list = aspects(file);
  const times = countText(file, event.time_ms);
  // Of a new content its own word stands in the action already.
  const said = file.action === 'modified' && list === aspects({ changed: ['content'] }) ? '' : list;
  const parts = [said === '' ? undefined : t('aspects.list', { list: said }), times].filter(
    (part) => part !== undefined,
  );
  if (parts.length === 0 && file.cause == null) return null;
  return (
    <div className={classes.note}>
      {parts.map((part) => (
        <span key={part}>{part}</span>
      ))}
      {file.cause != null && (
        <span>
          <CauseText cause={file.cause} />
        </span>
      )}
    </div>
  );
}

/** What the centre's lists and its people say of the change. */
export function Marks({ event: { file, review } }: { event: Pick<EventRow, 'file' | 'review'> }) {
  const { t } = useWords();
  if (file?.known == null && review == null) return null;
  return (
    <span className={classes.marks}>
      {file?.known === 'bad' && <ToneText tone="critical">{t('known.bad')}</ToneText>}
      {file?.known === 'good' && <ToneText tone="good">{t('known.good')}</ToneText>}
      {review?.verdict === 'flagged' && <ToneText tone="high">{t('review.flagged')}</ToneText>}
      {review?.verdict === 'accepted' && <ToneText tone="good">{t('review.accepted')}</ToneText>}
    </span>
  );
}

/** Who said what of a change, and why. */
export function ReviewText({ review }: { review: NonNullable<EventRow['review']> }) {
  const { t } = useWords();
  const tone = review.verdict === 'flagged' ? 'high' : 'good';
  return (
    <div>
      <ToneText tone={tone}>{t(`review.${review.verdict}`)}</ToneText>{' '}
      <span className={classes.quiet}>
        {t('review.by', { author: escapeHostile(review.author), time: formatDateTime(review.at_ms) })}
      </span>
      <div className={classes.reason}>{t('review.reasonGiven', { reason: escapeHostile(review.reason) })}</div>
      {review.for_unit && <div className={classes.quiet}>{t('review.forUnit')}</div>}
    </div>
  );
}
