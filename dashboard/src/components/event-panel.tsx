/** One event beside the list it was found in: its story first, then the data as received. */
import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { eventQuery } from '~/api/queries';
import type { EventDetail, FileReport } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { SidePanel } from '~/ui/dialog';
import { Facts, type Fact } from '~/ui/facts';
import { FilePath, Hostile } from '~/ui/hostile';
import { Failed, Loading } from '~/ui/states';
import { Time } from '~/ui/time';
import { formatBytes, type Language } from '~/util/format';
import { modeText } from '~/util/mode';
import { SeverityBadge } from './badges';
import { EventSentence } from './event-sentence';
import { FileReview } from './file-review';
import { CauseText, Marks, useAspects, useCountText, WatchText } from './file-words';
import { RansomwareEvidence, RansomwareStory } from './ransomware';
import { RawData } from './raw-data';
import { WhoText } from './who';
import classes from './event-panel.module.css';

interface EventPanelProps {
  /** Which event is open, if any. */
  readonly eventKey: string | undefined;
  readonly onClose: () => void;
}

export function EventPanel({ eventKey, onClose }: EventPanelProps) {
  const { t } = useWords();
  return (
    <SidePanel title={t('timeline.event')} opened={eventKey !== undefined} onClose={onClose}>
      {eventKey !== undefined && <Loaded eventKey={eventKey} />}
    </SidePanel>
  );
}

function Loaded({ eventKey }: { eventKey: string }) {
  const { t } = useWords();
  const { data, error, refetch } = useQuery(eventQuery(eventKey));
  if (data === undefined) {
    return error === null ? <Loading /> : <Failed error={error} onRetry={() => void refetch()} />;
  }
  return (
    <Tabs defaultValue="details" keepMounted={false}>
      <Tabs.List mb="md">
        <Tabs.Tab value="details">{t('common.details')}</Tabs.Tab>
        <Tabs.Tab value="raw">{t('common.raw')}</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="details">
        <Details event={data} />
      </Tabs.Panel>
      <Tabs.Panel value="raw">
        <RawData value={data.raw} />
      </Tabs.Panel>
    </Tabs>
  );
}

function Details({ event }: { event: EventDetail }) {
  const { t } = useWords();
  const { word } = useCodes();
  return (
    <div className={classes.details}>
      <p className={classes.sentence}>
        <EventSentence event={event} />
      </p>
      <Facts
        facts={[
          [t('timeline.observed'), <Time key="time" ms={event.time_ms} />],
          [t('timeline.received'), <Time key="received" ms={event.received_ms} />],
          [t('timeline.kind'), word('kind', event.kind)],
        ]}
      />
      {event.file != null && (
        <>
          <Marks event={{ file: event.file, review: null }} />
          <FileReview event={event} />
          <FileFacts file={event.file} timeMs={event.time_ms} />
        </>
      )}
      {event.file == null && event.detail != null && <Detail kind={event.kind} detail={event.detail} />}
      <Facts
        facts={[
          [t('timeline.place'), t('timeline.placeValue', { lane: event.lane, seq: event.seq })],
          [t('ledger.stream'), <Hostile key="stream" text={event.stream} mono />],
        ]}
      />
    </div>
  );
}

/** Every other kind's own part; of ransomware as its alert shows it. */
function Detail({ kind, detail }: { kind: string; detail: NonNullable<EventDetail['detail']> }) {
  if (kind !== 'tripwire') return <RawData value={detail} />;
  return (
    <>
      <RansomwareStory evidence={detail} steps={[]} />
      <RansomwareEvidence evidence={detail} />
    </>
  );
}

function FileFacts({ file, timeMs }: { file: FileReport; timeMs: number }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const aspects = useAspects();
  const times = useCountText()(file, timeMs);
  const facts: Fact[] = [[t('file.path'), <FilePath key="path" path={file.path.text} hex={file.path.hex} />]];
  if (file.old_path != null) {
    facts.push([t('file.oldPath'), <FilePath key="old" path={file.old_path.text} hex={file.old_path.hex} />]);
  }
  if (file.changed.length > 0) facts.push([t('aspects.label'), aspects(file)]);
  if (times !== undefined) facts.push([t('fileMore.count'), times]);
  facts.push(
    [t('fileMore.cause'), file.cause == null ? t('fileMore.causeNone') : <CauseText key="cause" cause={file.cause} />],
    [t('timeline.who'), <WhoText key="who" who={file.who} />],
    ...processFacts(t, file),
  );
  if (file.severity != null)
    facts.push([t('severity.label'), <SeverityBadge key="severity" severity={file.severity} />]);
  facts.push([t('file.watch'), <WatchText key="watch" watch={file.watch} />]);
  facts.push([t('file.origin'), word('origin', file.origin)], ...contentFacts(t, language, file));
  const digest = file.digest_absent;
  if (digest != null && digest !== '') facts.push([t('file.sha256'), word('digestAbsent', digest)]);
  return <Facts facts={[...facts, ...linkFacts(t, file)]} />;
}

function linkFacts(t: ReturnType<typeof useWords>['t'], { link }: FileReport): Fact[] {
  if (link == null) return [];
  return [
    [t('fileMore.linkText'), <FilePath key="link" path={link.text.text} hex={link.text.hex} />],
    [t('fileMore.linkTarget'), t(`linkTarget.${link.target}` as 'linkTarget.unknown')],
  ];
}

function processFacts(t: ReturnType<typeof useWords>['t'], { who }: FileReport): Fact[] {
  const texts = [
    [t('process.executable'), who.executable],
    [t('process.commandLine'), who.command_line],
    [t('process.parent'), who.parent_executable],
  ] as const;
  return texts.flatMap(([name, text]): Fact[] =>
    text == null || text.text === '' ? [] : [[name, <FilePath key={name} path={text.text} hex={text.hex} />]],
  );
}

function contentFacts(t: ReturnType<typeof useWords>['t'], language: Language, file: FileReport): Fact[] {
  const facts: Fact[] = [];
  if (typeof file.size === 'number') facts.push([t('file.size'), formatBytes(file.size, language)]);
  const modified = Number(file.mtime_ns ?? 0) / 1_000_000;
  if (modified > 0) facts.push([t('file.modified'), <Time key="modified" ms={modified} />]);
  if (file.owner != null && file.owner !== '') facts.push([t('file.owner'), <Hostile key="owner" text={file.owner} />]);
  if (file.group != null && file.group !== '')
    facts.push([t('fileMore.group'), <Hostile key="group" text={file.group} />]);
  if (file.mode != null) facts.push([t('fileMore.mode'), <Hostile key="mode" text={modeText(file.mode)} mono />]);
  if (file.acl_sha256 != null) facts.push([t('fileMore.acl'), <Hostile key="acl" text={file.acl_sha256} mono />]);
  if (file.sha256 != null) facts.push([t('file.sha256'), <Hostile key="sha256" text={file.sha256} mono />]);
  return facts;
}
