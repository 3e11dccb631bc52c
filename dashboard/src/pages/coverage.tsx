/** The proof of coverage: three numbers and both shares, per unit, with the list behind each. */
import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { coverageQuery } from '~/api/coverage-queries';
import type { Coverage } from '~/api/types';
import { CoverageHistoryPanel } from '~/components/coverage-history';
import { CoverageSections } from '~/components/coverage-sections';
import { CoverageUnits } from '~/components/coverage-units';
import { DaysChoice } from '~/components/days-choice';
import { UnitChoice } from '~/components/unit-choice';
import { useWords } from '~/i18n';
import { Figure } from '~/ui/figure';
import { Filters } from '~/ui/filters';
import { IconFileCertificate } from '~/ui/icons';
import { ButtonLink } from '~/ui/link';
import { Page } from '~/ui/page';
import type { Tone } from '~/ui/palette';
import { Panel } from '~/ui/panel';
import { Failed, Loading } from '~/ui/states';
import { ToneIcon } from '~/ui/tone';
import { type Counts, sumOf } from '~/util/coverage';
import { formatDateTime, formatNumber, formatShare, ZONE_LABEL } from '~/util/format';
import { coverageFilters, type CoverageSearch, LISTS, type List } from './coverage.search';
import classes from './coverage.module.css';

const route = getRouteApi('/signed-in/shell/coverage');

export function CoveragePage() {
  const { t } = useWords();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const change = (part: CoverageSearch) =>
    void navigate({ search: (former) => ({ ...former, ...part }), replace: true, resetScroll: false });
  const { data, error, refetch } = useQuery(coverageQuery(coverageFilters(search)));
  return (
    <Page
      title={t('coverage.title')}
      below={
        <Text c="dimmed" fz="sm">
          {data === undefined ? '\u00A0' : t('coverage.asOf', { time: formatDateTime(data.now_ms), zone: ZONE_LABEL })}
        </Text>
      }
      actions={<CertificateLink search={search} coverage={data} />}
    >
      <CoverageSections unit={search.unit} />
      <Filters
        active={search.unit !== undefined || search.days !== undefined}
        onClear={() => change({ unit: undefined, days: undefined })}
      >
        <UnitChoice value={search.unit} onChange={(unit) => change({ unit })} />
        <DaysChoice value={search.days} onChange={(days) => change({ days })} />
      </Filters>
      {data === undefined ? (
        <Panel>
          {error === null ? <Loading lines={10} /> : <Failed error={error} onRetry={() => void refetch()} />}
        </Panel>
      ) : (
        <>
          <Numbers coverage={data} search={search} />
          <div className={classes.columns}>
            <ToDo counts={sumOf(data.units)} search={search} />
            <CoverageHistoryPanel search={search} onChange={change} />
          </div>
          <CoverageUnits coverage={data} days={search.days} />
          <Definitions days={data.days} />
        </>
      )}
    </Page>
  );
}

/** A certificate is for one unit: the chosen one, or the only one at the top. */
function CertificateLink({ search, coverage }: { search: CoverageSearch; coverage: Coverage | undefined }) {
  const { t } = useWords();
  const known = new Set(coverage?.units.map(({ unit }) => unit.id));
  const tops = coverage?.units.filter(({ parent_id: parent }) => typeof parent !== 'number' || !known.has(parent));
  const unit = search.unit ?? (tops?.length === 1 ? tops[0]?.unit.id : undefined);
  if (unit === undefined) return null;
  return (
    <ButtonLink
      to="/coverage/certificate"
      search={{ unit, days: search.days }}
      // Asking for it is an export that is written down: not before somebody asks.
      preload={false}
      leftSection={<IconFileCertificate size={16} aria-hidden />}
    >
      {t('coverage.certificate')}
    </ButtonLink>
  );
}

interface NumbersProps {
  readonly coverage: Coverage;
  readonly search: CoverageSearch;
}

/** Complete is good news; less is work to be done, and nothing at all is neither. */
function toneOf(part: number, whole: number): Tone | undefined {
  if (whole === 0) return undefined;
  return part >= whole ? 'good' : 'medium';
}

function Numbers({ coverage, search: { unit, days } }: NumbersProps) {
  const { t, language } = useWords();
  const counts = sumOf(coverage.units);
  const number = (value: number) => formatNumber(value, language);
  const share = formatShare(counts.protected, counts.registered, language);
  const lawful = formatShare(counts.protected_not_excepted, counts.registered - counts.excepted, language);
  const seen = formatShare(counts.seen, counts.registered, language);
  const figure = (of: List) => ({ to: '/coverage/pcs', search: { unit, days, of } }) as const;
  return (
    <section className={classes.figures} aria-label={t('coverage.numbers')}>
      <Figure
        label={t('coverage.registered')}
        value={number(counts.registered)}
        note={t('coverage.registeredNote')}
        {...figure('registered')}
      />
      <Figure
        label={t('coverage.seen')}
        value={number(counts.seen)}
        note={seen === null ? t('coverage.none') : t('coverage.seenNote', { days: coverage.days, share: seen })}
        {...figure('seen')}
      />
      <Figure
        label={t('coverage.protected')}
        value={number(counts.protected)}
        note={seen === null ? t('coverage.none') : t('coverage.protectedNote')}
        {...figure('protected')}
      />
      <Figure
        label={t('coverage.share')}
        value={share ?? '–'}
        note={t('coverage.shareNote')}
        tone={toneOf(counts.protected, counts.registered)}
        {...figure('protected')}
      />
      <Figure
        label={t('coverage.shareLawful')}
        value={lawful ?? '–'}
        note={t('coverage.shareLawfulNote', { shown: number(counts.excepted) })}
        tone={toneOf(counts.protected_not_excepted, counts.registered - counts.excepted)}
        {...figure('excepted')}
      />
    </section>
  );
}

interface Task {
  readonly label: string;
  readonly count: number;
  readonly tone: Tone;
  readonly renderLink: (content: ReactNode) => ReactNode;
}

/** The lists that somebody should work through, even those that are empty today. */
function ToDo({ counts, search: { unit, days } }: { counts: Counts; search: CoverageSearch }) {
  const { t, language } = useWords();
  const list =
    (of: List): Task['renderLink'] =>
    (content) => (
      <Link to="/coverage/pcs" search={{ unit, days, of }} className={classes.task} data-row="">
        {content}
      </Link>
    );
  const task = (of: List, count: number, tone: Tone): Task => ({
    label: t(`coverageOf.${of}`),
    count,
    tone,
    renderLink: list(of),
  });
  const tasks: Task[] = [
    task('unprotected', counts.seen - counts.protected, 'high'),
    task('not_seen', counts.registered - counts.seen, 'medium'),
    task('not_enrolled', counts.not_enrolled, 'medium'),
    task('outdated', counts.outdated, 'medium'),
    {
      label: t('coverage.unmanagedHosts'),
      count: counts.unmanaged,
      tone: 'medium',
      renderLink: (content) => (
        <Link to="/coverage/unmanaged" search={{ unit }} className={classes.task} data-row="">
          {content}
        </Link>
      ),
    },
    task('not_in_register', counts.not_in_register, 'low'),
    task('mismatch', counts.mismatch, 'low'),
    {
      label: t('coverage.pendingHosts'),
      count: counts.pending,
      tone: 'low',
      renderLink: (content) => (
        <Link to="/hosts" search={{ unit, status: 'pending' }} className={classes.task} data-row="">
          {content}
        </Link>
      ),
    },
  ];
  return (
    <Panel title={t('coverage.toDo')} flush>
      <ul className={classes.tasks}>
        {tasks.map(({ label, count, tone, renderLink }) => (
          <li key={label}>
            {renderLink(
              <>
                <ToneIcon tone={count === 0 ? 'good' : tone} />
                <span className={classes.taskLabel}>{label}</span>
                <span className={classes.taskCount}>{formatNumber(count, language)}</span>
              </>,
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** A claim in public needs its words: what each number counts. */
function Definitions({ days }: { days: number }) {
  const { t } = useWords();
  return (
    <Panel title={t('coverage.definitions')}>
      <dl className={classes.definitions}>
        {LISTS.map((of) => (
          <div key={of}>
            <dt>{t(`coverageOf.${of}`)}</dt>
            <dd>{t(`coverageNote.${of}`, { days })}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
