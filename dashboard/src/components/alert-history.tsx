/** Who did what with an alert, the newest last: read as a story. */
import { Text } from '@mantine/core';
import type { HistoryEntry } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { Hostile } from '~/ui/hostile';
import { Panel } from '~/ui/panel';
import { Time } from '~/ui/time';
import classes from './alert-history.module.css';

export function AlertHistory({ history }: { history: readonly HistoryEntry[] }) {
  const { t } = useWords();
  return (
    <Panel title={t('alert.history')}>
      {history.length === 0 ? (
        <Text c="dimmed">{t('alert.noHistory')}</Text>
      ) : (
        <ol className={classes.history}>
          {history.map((entry) => (
            <Entry key={`${entry.at_ms}-${entry.action}-${JSON.stringify(entry.detail)}`} entry={entry} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Entry({ entry }: { entry: HistoryEntry }) {
  const { t } = useWords();
  const { word } = useCodes();
  const remark = entry.detail['comment'];
  const verdict = entry.detail['verdict'];
  return (
    <li className={classes.entry}>
      <Time ms={entry.at_ms} />
      <div>
        <span className={classes.action}>{word('history', entry.action)}</span>
        {typeof verdict === 'string' && <span> · {word('verdict', verdict)}</span>}
        <span className={classes.actor}>
          {' '}
          · {entry.actor === '' || entry.actor === 'system' ? t('history.system') : <Hostile text={entry.actor} />}
        </span>
        {typeof remark === 'string' && remark !== '' && <blockquote className={classes.remark}>{remark}</blockquote>}
      </div>
    </li>
  );
}
