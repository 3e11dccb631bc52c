/** The process that did it under those that started it, the oldest first. */
import { Text } from '@mantine/core';
import { useWords } from '~/i18n';
import { FilePath, Hostile } from '~/ui/hostile';
import { Panel } from '~/ui/panel';
import { ToneBadge } from '~/ui/tone';
import type { TripwireProcess } from '~/util/tripwire';
import classes from './process-tree.module.css';

interface ProcessTreeProps {
  /** The one that did it first, then its ancestors. */
  readonly processes: readonly TripwireProcess[];
}

export function ProcessTree({ processes }: ProcessTreeProps) {
  const { t } = useWords();
  const oldestFirst = processes.toReversed();
  return (
    <Panel title={t('ransom.process')}>
      {oldestFirst.length === 0 ? (
        <Text c="dimmed">{t('ransom.processNone', { why: t('ransom.processNoneWhy') })}</Text>
      ) : (
        <>
          <Text c="dimmed" fz="sm" mb="xs">
            {t('ransom.processNote')}
          </Text>
          <Branch processes={oldestFirst} />
        </>
      )}
    </Panel>
  );
}

/** One process, and in it what it started. */
function Branch({ processes }: ProcessTreeProps) {
  const { t } = useWords();
  const [process, ...rest] = processes;
  if (process === undefined) return null;
  const { executable, commandLine, pid, user } = process;
  return (
    <ul className={classes.branch}>
      <li>
        <div className={classes.name}>
          <FilePath path={executable.text === '' ? t('common.unknown') : executable.text} hex={executable.hex} />{' '}
          {rest.length === 0 && <ToneBadge tone="critical">{t('ransom.doer')}</ToneBadge>}
        </div>
        <div className={classes.facts}>
          {pid !== undefined && <span>PID {pid}</span>}
          {user !== '' && (
            <span>
              {t('process.user')}: <Hostile text={user} />
            </span>
          )}
          {commandLine.text !== '' && (
            <span>
              {t('process.commandLine')}: <Hostile text={commandLine.text} mono />
            </span>
          )}
        </div>
        <Branch processes={rest} />
      </li>
    </ul>
  );
}
