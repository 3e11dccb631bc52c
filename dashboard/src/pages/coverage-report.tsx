/** The report of a period, as a province hands it in: numbers per unit, and the threats most often met. */
import { Button, Group, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { reportQuery } from '~/api/coverage-queries';
import { csvAddress } from '~/api/csv';
import type { CoverageReport, PeriodNumbers, ReportFilters } from '~/api/types';
import { CoverageSections } from '~/components/coverage-sections';
import { UnitChoice } from '~/components/unit-choice';
import { type UnitColumn, UnitTable } from '~/components/unit-table';
import { useNow } from '~/hooks/use-now';
import { useWords } from '~/i18n';
import { CsvLink } from '~/ui/csv-link';
import { Filters } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { RankedBars } from '~/ui/ranked';
import { Failed, Loading } from '~/ui/states';
import { addDays, isDay, monthOf, shownDay, today } from '~/util/days';
import { formatNumber, formatShare } from '~/util/format';
import type { Node } from '~/util/unit-tree';
import { reportFilters, type ReportSearch } from './coverage.search';

const route = getRouteApi('/signed-in/shell/coverage/report');

/** As the server allows. */
const LONGEST_DAYS = 366;

export function CoverageReportPage() {
  const { t, language } = useWords();
  const search = route.useSearch();
  const asked = reportFilters(search, useNow());
  const possible = asked.from <= asked.to && addDays(asked.from, LONGEST_DAYS) >= asked.to;
  return (
    <Page
      title={t('coverage.title')}
      below={<Text c="dimmed">{t('report.period', { from: shownDay(asked.from), to: shownDay(asked.to) })}</Text>}
      actions={possible && <CsvLink href={csvAddress('/api/v1/coverage/report.csv', { ...asked, lang: language })} />}
    >
      <CoverageSections unit={search.unit} />
      <PeriodFilters search={search} asked={asked} />
      {possible ? (
        <Report asked={asked} />
      ) : (
        <Panel>
          <Text role="alert">{t('report.wrong')}</Text>
        </Panel>
      )}
    </Page>
  );
}

function PeriodFilters({ search, asked }: { search: ReportSearch; asked: ReportFilters }) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const now = today(useNow());
  const change = (part: ReportSearch) => void navigate({ search: (former) => ({ ...former, ...part }), replace: true });
  const active = Object.values(search).some((value) => value !== undefined);
  /** A date that is half typed is no date: the report waits. */
  const day = (name: 'from' | 'to') => ({
    type: 'date',
    'aria-label': t(`report.${name}`),
    title: t(`report.${name}`),
    w: 160,
    max: now,
    value: asked[name],
    onChange: ({ currentTarget: { value } }: { currentTarget: { value: string } }) => {
      if (isDay(value)) change({ [name]: value });
    },
  });
  return (
    <Filters active={active} onClear={() => void navigate({ search: {} })}>
      <Group gap="xs" wrap="nowrap">
        <Text span>{t('report.from')}</Text>
        <TextInput {...day('from')} />
      </Group>
      <Group gap="xs" wrap="nowrap">
        <Text span>{t('report.to')}</Text>
        <TextInput {...day('to')} />
      </Group>
      <Button variant="default" onClick={() => change({ from: undefined, to: undefined })}>
        {t('report.month')}
      </Button>
      <Button variant="default" onClick={() => change(monthOf(now, -1))}>
        {t('report.lastMonth')}
      </Button>
      <UnitChoice value={search.unit} onChange={(unit) => change({ unit })} />
    </Filters>
  );
}

function Report({ asked }: { asked: ReportFilters }) {
  const { t } = useWords();
  const { data, error, refetch } = useQuery(reportQuery(asked));
  if (data === undefined) {
    return (
      <Panel>{error === null ? <Loading lines={10} /> : <Failed error={error} onRetry={() => void refetch()} />}</Panel>
    );
  }
  return (
    <>
      <ReportUnits report={data} />
      <Threats report={data} />
      <Text c="dimmed" fz="sm">
        {t('report.note')}
      </Text>
    </>
  );
}

interface Row extends Node {
  readonly counts: PeriodNumbers;
}

function ReportUnits({ report }: { report: CoverageReport }) {
  const { t, language } = useWords();
  const number = (
    key: 'registered' | 'seen' | 'protected' | 'outdated' | 'infected',
    count: (counts: PeriodNumbers) => number,
  ): UnitColumn<Row> => ({
    key,
    title: t(`report.${key}`),
    renderCell: ({ counts }) => formatNumber(count(counts), language),
  });
  const columns: UnitColumn<Row>[] = [
    number('registered', ({ registered }) => registered),
    number('seen', ({ seen }) => seen),
    number('protected', (counts) => counts.protected),
    number('outdated', ({ outdated }) => outdated),
    number('infected', ({ infected }) => infected),
    {
      key: 'rate',
      title: t('report.rate'),
      renderCell: ({ counts: { infected, registered } }) => formatShare(infected, registered, language) ?? '–',
    },
    { key: 'found', title: t('report.found'), renderCell: ({ counts }) => formatNumber(counts.files_found, language) },
    {
      key: 'handled',
      title: t('report.handled'),
      renderCell: ({ counts }) => formatNumber(counts.files_handled, language),
    },
  ];
  return (
    <Panel title={t('report.byUnit')} flush>
      <UnitTable
        label={t('report.byUnit')}
        units={report.units.map(({ unit: { id, name }, parent_id, total }): Row => ({
          id,
          name,
          parent_id,
          counts: total,
        }))}
        columns={columns}
        renderName={({ name }) => name}
      />
    </Panel>
  );
}

function Threats({ report: { threats } }: { report: CoverageReport }) {
  const { t, language } = useWords();
  const shown = (count: number) => formatNumber(count, language);
  return (
    <Panel title={t('report.threats')}>
      {threats.length === 0 ? (
        <Text c="dimmed">{t('detections.topNone')}</Text>
      ) : (
        <RankedBars
          label={t('report.threats')}
          bars={threats.map(({ threat, files, hosts }) => ({
            key: threat,
            name: <Hostile text={threat} />,
            count: files,
            said: t('detections.topCount', { files: shown(files), pcs: shown(hosts) }),
          }))}
        />
      )}
    </Panel>
  );
}
