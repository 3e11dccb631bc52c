/**
 * What a night shift must know of suspected ransomware, in the order in which it is needed: what happens, what to do,
 * how sure it is, why, which files, which program.
 */
import { Button, Table, Text } from '@mantine/core';
import { useState } from 'react';
import type { Finding } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { DataTable } from '~/ui/data-table';
import { FilePath } from '~/ui/hostile';
import { IconAlertOctagonFilled } from '~/ui/icons';
import { Panel } from '~/ui/panel';
import { ScoreChart } from '~/ui/score-chart';
import { Time } from '~/ui/time';
import { formatDateTime, formatDuration, formatNumber, ZONE_LABEL } from '~/util/format';
import { escapeHostile } from '~/util/hostile';
import { lastPart } from '~/util/paths';
import { ALARM_AT, reached, readTripwire, type Tripwire, type TripwireFile, WARN_AT } from '~/util/tripwire';
import { ProcessTree } from './process-tree';
import classes from './ransomware.module.css';

/** As many of the first and of the last files as are read at a glance. */
const EDGE = 5;

/** Whether it tells of one occurrence: some only tell how many more there were. */
export function isRansomware({ rule, evidence }: Pick<Finding, 'rule' | 'evidence'>): boolean {
  return rule.startsWith('tripwire.') && 'curve' in evidence;
}

interface RansomwareProps {
  /** As the rule wrote it down, or the PC told it. */
  readonly evidence: Finding['evidence'];
}

interface StoryProps extends RansomwareProps {
  /** What the unit was asked to do, the first thing first. */
  readonly steps: readonly string[];
}

/** What happens and what to do: above everything else. */
export function RansomwareStory({ evidence, steps }: StoryProps) {
  return <Story tripwire={readTripwire(evidence)} steps={steps} />;
}

/** How sure it is, why, which files, which program. */
export function RansomwareEvidence({ evidence }: RansomwareProps) {
  const tripwire = readTripwire(evidence);
  return (
    <>
      {tripwire.curve.length > 0 && <Score tripwire={tripwire} />}
      <Reasons tripwire={tripwire} />
      {tripwire.files.length > 0 && <Files files={tripwire.files} />}
      <ProcessTree processes={tripwire.processes} />
    </>
  );
}

/** "Chương trình 7z của người dùng lan đã ghi đè, đổi tên hoặc xóa 47 tệp trong 12 giây." */
function useStory({ processes, user, volume, touched, firstMs, lastMs }: Tripwire): string {
  const { t, language } = useWords();
  const [doer] = processes;
  const name = escapeHostile(lastPart(doer?.executable.text ?? ''));
  const owner = doer?.user || user;
  const unknown =
    volume === '' ? t('ransom.programUnknownNowhere') : t('ransom.programUnknown', { volume: escapeHostile(volume) });
  return t('ransom.did', {
    program: name === '' ? unknown : t('ransom.program', { program: name }),
    user: owner === '' ? '' : t('ransom.ofUser', { user: escapeHostile(owner) }),
    files: formatNumber(touched, language),
    span: formatDuration(Math.max(1000, lastMs - firstMs), language),
  });
}

function Story({ tripwire, steps }: { tripwire: Tripwire; steps: readonly string[] }) {
  const { t } = useWords();
  const story = useStory(tripwire);
  const { alarm, over, lastMs } = tripwire;
  return (
    <Panel title={alarm ? t('ransom.title') : t('ransom.titleWarning')}>
      <p className={classes.story}>{story}</p>
      {steps.length > 0 && (
        <div className={classes.act} data-tone={alarm ? 'critical' : 'medium'}>
          <IconAlertOctagonFilled size={22} aria-hidden />
          <div>
            <strong>{t('ransom.doFirst')}</strong>
            <ol>
              {steps.map((step) => (
                <li key={step}>{step}</li>
              ))}
            </ol>
          </div>
        </div>
      )}
      <Figures tripwire={tripwire} />
      <Text c="dimmed" fz="sm" mt="sm" aria-live="polite">
        {over ? t('ransom.over', { time: formatDateTime(lastMs) }) : t('ransom.going')}
      </Text>
    </Panel>
  );
}

function Figures({ tripwire: { touched, lost, canaries, firstMs, lastMs } }: { tripwire: Tripwire }) {
  const { t, language } = useWords();
  const shown = (value: number) => formatNumber(value, language);
  const figures = [
    [t('ransom.touched'), shown(touched), undefined],
    [t('ransom.lost'), shown(lost), t('ransom.lostNote')],
    [t('ransom.canaries'), shown(canaries), undefined],
    [
      t('ransom.span'),
      formatDuration(Math.max(1000, lastMs - firstMs), language),
      t('ransom.spanNote', { first: formatDateTime(firstMs), last: formatDateTime(lastMs).slice(11) }),
    ],
  ] as const;
  return (
    <dl className={classes.figures}>
      {figures.map(([name, value, note]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <span className={classes.number}>{value}</span>
            {note !== undefined && <span className={classes.quiet}>{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Score({ tripwire }: { tripwire: Tripwire }) {
  const { t } = useWords();
  const summary = useScoreText(tripwire);
  return (
    <Panel title={t('ransom.score')}>
      <Text mb="sm">{summary}</Text>
      <ScoreChart
        caption={t('ransom.score')}
        timeTitle={t('ransom.scoreTime', { zone: ZONE_LABEL })}
        scoreTitle={t('ransom.scorePoints')}
        points={tripwire.curve}
        thresholds={[
          { at: WARN_AT, name: t('ransom.warnAt', { threshold: WARN_AT }), tone: 'medium' },
          { at: ALARM_AT, name: t('ransom.alarmAt', { threshold: ALARM_AT }), tone: 'critical' },
        ]}
      />
      <Text c="dimmed" fz="sm" mt="xs">
        {t('ransom.scoreNote')}
      </Text>
    </Panel>
  );
}

/** What the picture says, in a sentence. */
function useScoreText({ curve, score, slowScore, firstMs }: Tripwire): string {
  const { t, language } = useWords();
  const highest = formatNumber(score, language, 1);
  const alarmMs = reached(curve, ALARM_AT);
  if (alarmMs !== undefined) {
    const span = formatDuration(Math.max(0, alarmMs - firstMs), language);
    return t('ransom.scoreAlarm', { threshold: ALARM_AT, time: formatDateTime(alarmMs).slice(11), span, highest });
  }
  const warnedMs = reached(curve, WARN_AT);
  if (warnedMs !== undefined) {
    return t('ransom.scoreWarning', { threshold: WARN_AT, time: formatDateTime(warnedMs).slice(11), highest });
  }
  return t('ransom.scoreBelow', { highest, slow: formatNumber(slowScore, language, 1) });
}

function Reasons({ tripwire: { reasons } }: { tripwire: Tripwire }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const columns = [
    { key: 'reason', title: t('ransom.reason') },
    { key: 'times', title: t('ransom.times'), width: 110, align: 'right' },
    { key: 'points', title: t('ransom.points'), width: 130, align: 'right' },
  ] as const;
  return (
    <Panel title={t('ransom.reasons')} flush>
      <DataTable label={t('ransom.reasons')} columns={columns} stacks>
        {reasons.map(({ code, count, points }) => (
          <Table.Tr key={code}>
            <Table.Td className={classes.first}>{word('ransomReason', code)}</Table.Td>
            <Table.Td ta="right" data-label={t('ransom.times')}>
              {formatNumber(count, language)}
            </Table.Td>
            <Table.Td ta="right" data-label={t('ransom.points')}>
              {formatNumber(points, language, 1)}
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Panel>
  );
}

/** The former name and the present one; in the same folder the folder is said once. */
function FileNames({ file: { path, oldPath } }: { file: TripwireFile }) {
  if (oldPath === undefined) return <FilePath path={path.text} hex={path.hex} />;
  const name = lastPart(path.text);
  const folder = path.text.slice(0, path.text.length - name.length);
  const stays = oldPath.text === folder + lastPart(oldPath.text);
  return (
    <>
      <FilePath path={oldPath.text} hex={oldPath.hex} /> → <FilePath path={stays ? name : path.text} hex={path.hex} />
    </>
  );
}

function Files({ files }: { files: readonly TripwireFile[] }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const [all, setAll] = useState(false);
  const folded = !all && files.length > 2 * EDGE;
  const columns = [
    { key: 'time', title: t('timeline.time', { zone: ZONE_LABEL }), width: 180 },
    { key: 'file', title: t('ransom.file') },
    { key: 'reason', title: t('ransom.reason'), width: 300 },
  ];
  const row = (file: TripwireFile) => (
    <Table.Tr key={`${file.atMs} ${file.path.hex} ${file.path.text} ${file.reason}`}>
      <Table.Td>
        <Time ms={file.atMs} />
      </Table.Td>
      <Table.Td className={classes.first}>
        <FileNames file={file} />
      </Table.Td>
      <Table.Td>{word('ransomReason', file.reason)}</Table.Td>
    </Table.Tr>
  );
  return (
    <Panel
      title={t('ransom.files')}
      aside={
        <Text c="dimmed" fz="sm">
          {t('ransom.filesNote')}
        </Text>
      }
      flush
    >
      <DataTable label={t('ransom.files')} columns={columns} stacks>
        {folded ? files.slice(0, EDGE).map(row) : files.map(row)}
        {folded && (
          <Table.Tr>
            <Table.Td colSpan={columns.length} ta="center">
              <Button variant="default" size="compact-sm" onClick={() => setAll(true)}>
                {t('ransom.allFiles', { count: files.length, shown: formatNumber(files.length, language) })}
              </Button>
            </Table.Td>
          </Table.Tr>
        )}
        {folded && files.slice(-EDGE).map(row)}
      </DataTable>
    </Panel>
  );
}
