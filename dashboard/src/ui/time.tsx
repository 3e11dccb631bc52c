/** A moment: the exact Vietnamese time, or how long ago with the exact time in the tooltip. */
import { Tooltip } from '@mantine/core';
import { useNow } from '~/hooks/use-now';
import { useWords } from '~/i18n';
import { formatAgo, formatDateTime, ZONE_LABEL } from '~/util/format';
import classes from './time.module.css';

/** `23/11/2026 08:15:07`, the zone in the tooltip; columns also name it in their header. */
export function Time({ ms }: { ms: number }) {
  const { t } = useWords();
  return (
    <Tooltip label={t('common.zone', { zone: ZONE_LABEL })}>
      <time className={classes.time} dateTime={new Date(ms).toISOString()}>
        {formatDateTime(ms)}
      </time>
    </Tooltip>
  );
}

/** `5 phút trước`. */
export function Ago({ ms }: { ms: number }) {
  const { language } = useWords();
  const now = useNow();
  return (
    <Tooltip label={`${formatDateTime(ms)} (${ZONE_LABEL})`}>
      <time className={classes.time} dateTime={new Date(ms).toISOString()}>
        {formatAgo(Math.min(ms, now), now, language)}
      </time>
    </Tooltip>
  );
}
