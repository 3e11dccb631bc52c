/** Who did what with an alert, the newest last: read as a story. */
import { Text } from '@mantine/core';
import type { HistoryEntry } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { Hostile } from '~/ui/hostile';
import { Panel } from '~/ui/panel';
import { Time } from '~/ui/time';
import { formatDateTime, formatNumber } from '~/util/format';
import { type Run, runs } from './history-runs';
import classes from './alert-history.module.css';

export function AlertHistory({ history }: { history: readonly HistoryEntry[] }) {
  const { t } = useWords();
  return (
    <Panel title={t('alert.history')}>
      {history.length === 0 ? (
        <Text c="dimmed">{t('alert.noHistory')}</Text>
      ) : (
        <ol className={classes.history}>
          {runs(history).map((run) => (
            <Entry key={`${run.entry.at_ms}-${run.entry.action}-${JSON.stringify(run.entry.detail)}`} run={run} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Entry({ run: { entry, count, lastMs } }: { run: Run }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const { comment, verdict, recipients, rule } = entry.detail;
  return (
    <li className={classes.entry}>
      <Time ms={entry.at_ms} />
      <div>
        <span className={classes.action}>{word('history', entry.action)}</span>
        {count > 1 && (
          <span> {t('history.repeated', { shown: formatNumber(count, language), time: formatDateTime(lastMs) })}</span>
        )}
        {typeof verdict === 'string' && <span> · {word('verdict', verdict)}</span>}
        {Array.isArray(recipients) && (
          <span>
            {' '}
            · <Hostile text={recipients.map(String).join(', ')} />
          </span>
        )}
        {typeof rule === 'string' && (
          <span>
            {' '}
            · <Hostile text={rule} mono />
          </span>
        )}
        <span className={classes.actor}> · {actorName(t, entry.actor)}</span>
        {typeof comment === 'string' && comment !== '' && <blockquote className={classes.remark}>{comment}</blockquote>}
      </div>
    </li>
  );
}

function actorName(t: ReturnType<typeof useWords>['t'], actor: string): string {
  return actor === '' || actor === 'system' ? t('history.system') : actor;
}
