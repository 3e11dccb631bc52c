/** What stands on the certificate of coverage, from its head to the place for signatures. */
import type { ReactNode } from 'react';
import type { Certificate, ExceptionRow, PcRow } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { Hostile } from '~/ui/hostile';
import { formatDate, formatDateTime, formatNumber, formatShare, ZONE_LABEL } from '~/util/format';
import classes from './certificate-paper.module.css';
import { PcLabel } from './pc-label';

interface PaperProps {
  readonly certificate: Certificate;
}

export function CertificatePaper({ certificate }: PaperProps) {
  const { t } = useWords();
  return (
    <article className={classes.paper} aria-label={t('certificate.title')}>
      <Head certificate={certificate} />
      <h3>1. {t('certificate.numbers')}</h3>
      <Numbers certificate={certificate} />
      <h3>2. {t('certificate.definitions')}</h3>
      <Definitions certificate={certificate} />
      <h3>3. {t('certificate.exceptions')}</h3>
      <Exceptions certificate={certificate} />
      <h3>4. {t('certificate.unprotected')}</h3>
      <Pcs pcs={certificate.unprotected} label={t('certificate.unprotected')} reason />
      <h3>5. {t('certificate.notSeen', { days: certificate.days })}</h3>
      <Pcs pcs={certificate.not_seen} label={t('certificate.notSeen', { days: certificate.days })} />
      <Signatures certificate={certificate} />
    </article>
  );
}

function Head({ certificate: { chain, issued_ms: issuedMs, issued_by: issuedBy } }: PaperProps) {
  const { t } = useWords();
  const above = chain.slice(0, -1).map(({ name }) => name);
  return (
    <div className={classes.head}>
      {above.length > 0 && <p className={classes.above}>{above.join(' – ')}</p>}
      <p className={classes.unit}>{chain.at(-1)?.name}</p>
      <h2>{t('certificate.heading')}</h2>
      <p>
        {t('certificate.asOf', { time: formatDateTime(issuedMs), zone: ZONE_LABEL })} ·{' '}
        {t('certificate.by', { name: issuedBy })}
      </p>
    </div>
  );
}

function Numbers({ certificate: { total, days } }: PaperProps) {
  const { t, language } = useWords();
  const number = (value: number) => formatNumber(value, language);
  const share = (part: number, whole: number) => formatShare(part, whole, language) ?? '–';
  const lawful = total.registered - total.excepted;
  const rows: [name: string, value: string][] = [
    [t('certificate.row.registered'), number(total.registered)],
    [t('certificate.row.seen', { days }), number(total.seen)],
    [t('certificate.row.protected'), number(total.protected)],
    [t('certificate.row.share'), share(total.protected, total.registered)],
    [t('certificate.row.excepted'), number(total.excepted)],
    [t('certificate.row.lawful'), number(lawful)],
    [t('certificate.row.lawfulProtected'), number(total.protected_not_excepted)],
    [t('certificate.row.lawfulShare'), share(total.protected_not_excepted, lawful)],
  ];
  return (
    <table className={classes.numbers} aria-label={t('certificate.numbers')}>
      <tbody>
        {rows.map(([name, value], index) => (
          <tr key={name} data-strong={index === 3 || index === 7 || undefined}>
            <th scope="row">{name}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Definitions({ certificate: { days, outdated_days: outdated } }: PaperProps) {
  const { t } = useWords();
  const names = ['registered', 'seen', 'protected', 'excepted', 'share', 'unknown'] as const;
  return (
    <ul className={classes.definitions}>
      {names.map((name) => (
        <li key={name}>{t(`certificate.definition.${name}`, { days, outdated })}</li>
      ))}
    </ul>
  );
}

function Exceptions({ certificate: { exceptions, exceptions_count: count } }: PaperProps) {
  const { t } = useWords();
  const { word } = useCodes();
  if (count === 0) return <p>{t('certificate.noExceptions')}</p>;
  return (
    <>
      <List
        label={t('certificate.exceptions')}
        columns={[
          t('certificate.column.pc'),
          t('certificate.column.unit'),
          t('certificate.column.kind'),
          t('certificate.column.by'),
          t('certificate.column.until'),
        ]}
        rows={exceptions.map((exception: ExceptionRow) => ({
          key: exception.id,
          cells: [
            <PcText key="pc" pc={exception} />,
            exception.unit.name,
            `${word('exceptionKind', exception.kind)}: ${exception.reason}`,
            <span key="by">
              {exception.created_by}, <Day ms={exception.created_ms} />
            </span>,
            <Day key="until" ms={exception.ends_ms} />,
          ],
        }))}
      />
      <Shown shown={exceptions.length} count={count} />
    </>
  );
}

/** A day is read as one, however narrow its column. */
function Day({ ms }: { ms: number }) {
  return <span className={classes.day}>{formatDate(ms)}</span>;
}

interface PcsProps {
  readonly pcs: Certificate['unprotected'];
  readonly label: string;
  /** Whether the reason says more than that it is away. */
  readonly reason?: boolean;
}

function Pcs({ pcs, label, reason = false }: PcsProps) {
  const { t } = useWords();
  const { word } = useCodes();
  if (pcs.count === 0) return <p>{t('certificate.noPcs')}</p>;
  const why = (pc: PcRow) => {
    if (pc.protection == null) return t('pcs.notEnrolled');
    if (!reason) return typeof pc.last_seen_ms === 'number' ? formatDateTime(pc.last_seen_ms) : t('common.never');
    const code = pc.protection_reason;
    const state = word('protection', pc.protection);
    return code == null || code === pc.protection ? state : `${state}: ${word('protectionReason', code)}`;
  };
  return (
    <>
      <List
        label={label}
        columns={[
          t('certificate.column.pc'),
          t('certificate.column.unit'),
          t('certificate.column.custodian'),
          reason ? t('certificate.column.reason') : t('pcs.lastSeenShort'),
        ]}
        rows={pcs.items.map((pc) => ({
          key: pc.id,
          cells: [
            <PcText key="pc" pc={pc} />,
            pc.unit.name,
            <Hostile key="custodian" text={pc.custodian ?? ''} />,
            why(pc),
          ],
        }))}
      />
      <Shown shown={pcs.items.length} count={pcs.count} />
    </>
  );
}

/** Name, number and place, so that somebody with the paper in hand finds the PC. */
function PcText({ pc }: { pc: Pick<PcRow, 'name' | 'asset_number' | 'place'> }) {
  const more = [pc.asset_number, pc.place]
    .filter((part) => part != null && part !== '' && part !== pc.name)
    .join(' · ');
  return (
    <>
      <PcLabel pc={pc} />
      {more !== '' && (
        <>
          {' '}
          (<Hostile text={more} />)
        </>
      )}
    </>
  );
}

interface ListProps {
  readonly label: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly key: number; readonly cells: readonly ReactNode[] }[];
}

function List({ label, columns, rows }: ListProps) {
  const { t } = useWords();
  return (
    <table className={classes.list} data-columns={columns.length} aria-label={label}>
      <thead>
        <tr>
          <th>{t('certificate.column.number')}</th>
          {columns.map((column) => (
            <th key={column}>{column}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, cells }, index) => (
          <tr key={key}>
            <td>{index + 1}</td>
            {columns.map((column, at) => (
              <td key={column}>{cells[at]}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A paper that shows only a part of a list says so. */
function Shown({ shown, count }: { shown: number; count: number }) {
  const { t, language } = useWords();
  if (shown >= count) return null;
  return (
    <p className={classes.shown}>
      {t('certificate.shown', { shown: formatNumber(shown, language), total: formatNumber(count, language) })}
    </p>
  );
}

function Signatures({ certificate: { issued_ms: issuedMs, collector_version: version } }: PaperProps) {
  const { t } = useWords();
  const [day, month, year] = formatDate(issuedMs).split('/');
  return (
    <footer className={classes.foot}>
      <p className={classes.place}>{t('certificate.place', { day, month, year })}</p>
      <div className={classes.signatures}>
        <div>
          <strong>{t('certificate.author')}</strong>
          <em>{t('certificate.sign')}</em>
        </div>
        <div>
          <strong>{t('certificate.head')}</strong>
          <em>{t('certificate.stamp')}</em>
        </div>
      </div>
      <p className={classes.version}>{t('certificate.source', { version })}</p>
    </footer>
  );
}
