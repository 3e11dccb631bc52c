/**
 * The evidence of a finding, as names and values.
 *
 * What this page knows is shown in its own form: paths, times, processes, codes. What it does not know
 * (a newer rule) is shown under the name that the rule gave it: evidence is never left out.
 */
import type { TFunction } from 'i18next';
import type { ReactNode } from 'react';
import { useWords } from '~/i18n';
import { word } from '~/i18n/codes';
import { Facts, type Fact } from '~/ui/facts';
import { FilePath, Hostile } from '~/ui/hostile';
import { TextLink } from '~/ui/link';
import { Time } from '~/ui/time';
import { formatBytes, formatNumber, type Language } from '~/util/format';
import { outcomeCode } from '~/util/outcome';
import { modeText } from '~/util/mode';
import { CauseText, WatchText } from './file-words';

type Evidence = Readonly<Record<string, unknown>>;

interface Context {
  readonly t: TFunction;
  readonly language: Language;
  readonly evidence: Evidence;
}

type Show = (value: unknown, context: Context) => ReactNode;

const coded =
  (group: string): Show =>
  (value, { t }) =>
    word(t, group, String(value));

const path =
  (hexName: string): Show =>
  (value, { evidence }) => <PathValue value={value} hex={evidence[hexName]} />;

const mono: Show = (value) => <Hostile text={String(value)} mono />;

/** What was done to a file by somebody, or about malware by a product. */
function actionValue(value: unknown, { t, evidence }: Context): ReactNode {
  return word(t, 'threat' in evidence ? 'remedy' : 'fileAction', String(value));
}

function outcomeValue(value: unknown, { t, evidence }: Context): ReactNode {
  return word(t, 'remedyOutcome', outcomeCode(String(value), evidence['code']));
}

/** Why a product does not protect; other rules have reasons of their own. */
function reasonValue(value: unknown, { t, evidence }: Context): ReactNode {
  if (!('product' in evidence)) return <Hostile text={String(value)} />;
  return word(t, 'protectionReason', String(value));
}

function changedValue(value: unknown, { t }: Context): ReactNode {
  return [value]
    .flat()
    .map((aspect) => word(t, 'aspect', String(aspect)))
    .join(', ');
}

const said = (part: unknown) => (typeof part === 'string' ? part : '');

function causeValue(value: unknown): ReactNode {
  const { kind, name, version, by } = value as Evidence;
  return (
    <CauseText
      cause={{
        kind: kind === 'planned' ? 'planned' : 'package',
        name: said(name),
        version: said(version),
        by: said(by),
      }}
    />
  );
}

/** How known names are shown, in the order in which a reader wants them. */
const KNOWN: Readonly<Record<string, readonly [label: string, show: Show]>> = {
  threat: ['detections.threat', (value) => <Hostile text={String(value)} />],
  threat_category: ['detections.category', (value) => <Hostile text={String(value)} />],
  action: ['file.action', actionValue],
  outcome: ['remedyOutcome.label', outcomeValue],
  path: ['file.path', path('path_hex')],
  old_path: ['file.oldPath', path('old_path_hex')],
  changed: ['aspects.label', changedValue],
  cause: ['fileMore.cause', causeValue],
  list: ['evidence.list', (value) => <Hostile text={String(value)} />],
  list_note: ['evidence.list_note', (value) => <Hostile text={String(value)} />],
  list_author: ['evidence.list_author', (value) => <Hostile text={String(value)} />],
  time_ms: ['evidence.time_ms', (value) => <Time ms={Number(value)} />],
  product: ['evidence.product', (value) => <Hostile text={String(value)} />],
  user: ['process.user', (value) => <Hostile text={String(value)} />],
  source: ['detections.source', coded('detectionSource')],
  code: ['detections.code', mono],
  reason: ['evidence.reason', reasonValue],
  engine: ['evidence.engine', coded('switch')],
  engine_reason: ['evidence.engine_reason', coded('engineReason')],
  real_time: ['evidence.real_time', coded('switch')],
  definitions_version: ['evidence.definitions_version', mono],
  definitions_built_ms: ['evidence.definitions_built_ms', (value) => <Time ms={Number(value)} />],
  probe: ['evidence.probe', (value) => <Hostile text={String(value)} />],
  kind: ['evidence.kind', (value) => String(value).toUpperCase()],
  target: ['evidence.target', mono],
  error: ['evidence.error', coded('probeError')],
  since_ms: ['evidence.since_ms', (value) => <Time ms={Number(value)} />],
  last_seen_ms: ['evidence.last_seen_ms', (value) => <Time ms={Number(value)} />],
  who_reason: ['evidence.who_reason', coded('process.reason')],
  size: ['file.size', (value, { language }) => formatBytes(Number(value), language)],
  sha256: ['file.sha256', mono],
  sha256_absent: ['file.sha256', coded('digestAbsent')],
  owner: ['file.owner', (value) => <Hostile text={String(value)} />],
  group: ['fileMore.group', (value) => <Hostile text={String(value)} />],
  mode: ['fileMore.mode', (value) => <Hostile text={modeText(Number(value))} mono />],
  link_text: ['fileMore.linkText', (value) => <Hostile text={String(value)} />],
  origin: ['file.origin', coded('origin')],
  more: ['evidence.more', (value, { language }) => formatNumber(Number(value), language)],
  last_scan_ms: ['evidence.last_scan_ms', (value) => <Time ms={Number(value)} />],
  added: ['evidence.added', (value) => <Hostile text={[value].flat().map(String).join(', ')} mono />],
  pcs: ['evidence.pcs', (value, { language }) => formatNumber(Number(value), language)],
  of: ['evidence.of', (value, { language }) => formatNumber(Number(value), language)],
  count: ['evidence.count', (value, { language }) => formatNumber(Number(value), language)],
  first_ms: ['fileMore.first', (value) => <Time ms={Number(value)} />],
  total: ['evidence.total', (value, { language }) => formatNumber(Number(value), language)],
  hosts: ['evidence.hosts', (value) => <HostLinks hosts={[value].flat()} />],
  harmless: ['evidence.harmless', (value, { t }) => t(value === true ? 'common.yes' : 'common.no')],
  days: ['evidence.days', (value, { language }) => formatNumber(Number(value), language)],
  watch: ['file.watch', (value) => <WatchText watch={String(value)} />],
};

/** Shown elsewhere: the bytes with their path, the process below, the event as a link. */
const ELSEWHERE = new Set([
  'path_hex',
  'old_path_hex',
  'process',
  'event_key',
  'detection_key',
  // Names of things inside the collector.
  'state_key',
  'rises_from',
]);

/** Of ransomware, shown in panels of their own. */
const IN_PANELS = new Set([
  'key',
  'level',
  'score_milli',
  'slow_score_milli',
  'reasons',
  'files',
  'curve',
  'processes',
  'volume',
  'files_touched',
  'files_lost',
  'canaries_touched',
  'first_ms',
  'last_ms',
  'over',
]);

export function EvidenceFacts({ evidence }: { evidence: Evidence }) {
  const { t, language } = useWords();
  const context: Context = { t, language, evidence };
  const isFile = 'changed' in evidence;
  const isTripwire = 'curve' in evidence;
  const known = Object.entries(KNOWN)
    .filter(([name]) => isPresent(evidence[name]))
    .filter(([name]) => !(isTripwire && IN_PANELS.has(name)))
    // What was reported once needs no number.
    .filter(([name]) => !(isFile && name === 'count' && evidence['count'] === 1))
    .map(([name, [label, show]]): Fact => {
      const shown = isFile && name === 'count' ? 'fileMore.count' : label;
      return [t(shown as 'app.name'), show(evidence[name], context)];
    });
  const others = Object.entries(evidence)
    .filter(([name, value]) => !(name in KNOWN) && !ELSEWHERE.has(name) && isPresent(value))
    .filter(([name]) => !(isTripwire && IN_PANELS.has(name)))

    .map(([name, value]): Fact => [name, anything(value, language)]);
  return <Facts facts={[...known, ...processFacts(t, evidence['process']), ...others]} />;
}

/** The PCs of a finding about several, by their numbers: their pages say the rest. */
function HostLinks({ hosts }: { hosts: readonly unknown[] }) {
  const ids = hosts.filter((id) => typeof id === 'number');
  return ids.map((id) => (
    <span key={id}>
      <TextLink to="/hosts/$id" params={{ id }} inherit>
        #{id}
      </TextLink>{' '}
    </span>
  ));
}

function processFacts(t: TFunction, process: unknown): Fact[] {
  if (typeof process !== 'object' || process === null) return [];
  const {
    pid,
    user,
    executable,
    command_line: command,
    parent_pid: parentPid,
    parent_executable: parent,
  } = process as Evidence;
  const facts: [string, unknown, ReactNode][] = [
    [t('process.user'), user, <Hostile key="user" text={String(user)} />],
    [t('process.executable'), executable, <PathValue key="executable" value={executable} hex={undefined} />],
    [t('process.pid'), pid, String(pid)],
    [t('process.commandLine'), command, <PathValue key="command" value={command} hex={undefined} />],
    [t('process.parent'), parent, <ParentValue key="parent" parent={parent} pid={parentPid} />],
  ];
  return facts.filter(([, value]) => isPresent(value)).map(([name, , shown]): Fact => [name, shown]);
}

function ParentValue({ parent, pid }: { parent: unknown; pid: unknown }) {
  return (
    <>
      <PathValue value={parent} hex={undefined} />
      {isPresent(pid) && ` (PID ${String(pid)})`}
    </>
  );
}

/** A path is plain text with its bytes beside it, or text and bytes in one object. */
function PathValue({ value, hex }: { value: unknown; hex: unknown }) {
  if (typeof value === 'object' && value !== null) {
    const { text, hex: own } = value as Evidence;
    return <FilePath path={String(text)} hex={typeof own === 'string' ? own : null} />;
  }
  const lossy = String(value).includes('\uFFFD');
  return <FilePath path={String(value)} hex={lossy && typeof hex === 'string' ? hex : null} />;
}

function isPresent(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== null && value !== undefined && value !== '';
}

function anything(value: unknown, language: Language): ReactNode {
  if (typeof value === 'number') return formatNumber(value, language, Number.isInteger(value) ? 0 : 2);
  return <Hostile text={typeof value === 'string' ? value : JSON.stringify(value)} mono />;
}
