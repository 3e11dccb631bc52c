/** What became of the three numbers, day by day. */
import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { historyQuery } from '~/api/coverage-queries';
import type { CoverageHistory } from '~/api/types';
import { useNow } from '~/hooks/use-now';
import { useWords } from '~/i18n';
import { HISTORIES, historyFilters, type CoverageSearch } from '~/pages/coverage.search';
import { Choice } from '~/ui/filters';
import { Lines } from '~/ui/lines';
import { Panel } from '~/ui/panel';
import { Failed, Loading } from '~/ui/states';
import { addDays, shownDay } from '~/util/days';

interface CoverageHistoryProps {
  readonly search: CoverageSearch;
  readonly onChange: (part: CoverageSearch) => void;
}

export function CoverageHistoryPanel({ search, onChange }: CoverageHistoryProps) {
  const { t } = useWords();
  const filters = historyFilters(search, useNow());
  const { data, error, refetch } = useQuery(historyQuery(filters));
  const range = (
    <Choice
      label={t('coverage.range.label')}
      anyLabel={t('coverage.range.month')}
      value={search.history}
      width={250}
      options={HISTORIES.filter((value) => value !== 'month').map((value) => ({
        value,
        label: t(`coverage.range.${value}`),
      }))}
      onChange={(history) => onChange({ history })}
    />
  );
  return (
    <Panel title={t('coverage.history')} aside={range}>
      {data === undefined ? (
        error === null ? (
          <Loading lines={5} />
        ) : (
          <Failed error={error} onRetry={() => void refetch()} />
        )
      ) : data.days.length === 0 ? (
        <Text c="dimmed">{t('coverage.historyNone')}</Text>
      ) : (
        <HistoryLines history={data} />
      )}
    </Panel>
  );
}

function HistoryLines({ history }: { history: CoverageHistory }) {
  const { t } = useWords();
  const counted = new Map(history.days.map((day) => [day.day, day]));
  const days = calendar(history.days.map(({ day }) => day));
  const values = (name: 'registered' | 'seen' | 'protected') => days.map((day) => counted.get(day)?.[name] ?? null);
  return (
    <Lines
      caption={t('coverage.history')}
      days={days.map(shownDay)}
      lines={[
        { name: t('coverage.registered'), tone: 'unknown', values: values('registered') },
        { name: t('coverage.seen'), tone: 'low', values: values('seen') },
        { name: t('coverage.protected'), tone: 'good', values: values('protected') },
      ]}
    />
  );
}

/** Every day from the first to the last that was counted: those on which nobody counted keep their place. */
function calendar(counted: readonly string[]): string[] {
  const [first, last] = [counted[0], counted.at(-1)];
  if (first === undefined || last === undefined) return [];
  const days: string[] = [];
  for (let day = first; day <= last; day = addDays(day, 1)) days.push(day);
  return days;
}
