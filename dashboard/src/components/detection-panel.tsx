/** One detection beside the list it was found in: everything that is known of it. */
import { Group } from '@mantine/core';
import type { DetectionRow } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { SidePanel } from '~/ui/dialog';
import { Facts, type Fact } from '~/ui/facts';
import { FilePath, Hostile } from '~/ui/hostile';
import { IconClockHour4 } from '~/ui/icons';
import { ButtonLink, TextLink } from '~/ui/link';
import { Time } from '~/ui/time';
import { ToneBadge } from '~/ui/tone';
import { outcomeCode } from '~/util/outcome';
import { SeverityBadge } from './badges';
import { outcomeTone } from './tones';

interface DetectionPanelProps {
  /** The one that is open, if any. */
  readonly detection: DetectionRow | undefined;
  readonly onClose: () => void;
}

export function DetectionPanel({ detection, onClose }: DetectionPanelProps) {
  const { t } = useWords();
  return (
    <SidePanel title={t('detections.panel')} opened={detection !== undefined} onClose={onClose}>
      {detection !== undefined && <Details detection={detection} />}
    </SidePanel>
  );
}

export function OutcomeBadge({ detection: { outcome, code } }: { detection: Pick<DetectionRow, 'outcome' | 'code'> }) {
  const { word } = useCodes();
  return <ToneBadge tone={outcomeTone(outcome)}>{word('remedyOutcome', outcomeCode(outcome, code))}</ToneBadge>;
}

function Details({ detection }: { detection: DetectionRow }) {
  const { t } = useWords();
  const { word } = useCodes();
  const { id, name } = detection.host;
  // A code that the outcome's words say already is the agent's, not a vendor's.
  const isSaid = outcomeCode(detection.outcome, detection.code) === detection.code;
  return (
    <>
      <Group gap="sm" mb="md">
        <OutcomeBadge detection={detection} />
        {detection.severity != null && <SeverityBadge severity={detection.severity} />}
      </Group>
      <Facts
        facts={[
          [t('detections.threat'), <Hostile key="threat" text={detection.threat} />],
          ...told(t('detections.category'), detection.category),
          [t('detections.file'), <FileText key="file" detection={detection} />],
          [t('detections.action'), word('remedy', detection.action)],
          [
            t('detections.host'),
            <TextLink key="host" to="/hosts/$id" params={{ id }} inherit fw={600}>
              <Hostile text={name} />
            </TextLink>,
          ],
          [t('detections.unit'), detection.unit.name],
          ...told(t('detections.user'), detection.user),
          ...told(t('detections.process'), detection.process),
          [t('detections.foundShort'), <Time key="found" ms={detection.found_ms} />],
          ...moment(t('detections.handled'), detection.handled_ms),
          [t('detections.updated'), <Time key="updated" ms={detection.updated_ms} />],
          [
            t('detections.product'),
            <Hostile key="product" text={[detection.product, detection.vendor].filter(Boolean).join(' · ')} />,
          ],
          [t('detections.source'), word('detectionSource', detection.source)],
          ...(isSaid ? [] : told(t('detections.code'), detection.code)),
          ...told(t('file.sha256'), detection.sha256),
        ]}
      />
      <Group mt="lg" gap="xs">
        {detection.event_key != null && (
          <ButtonLink
            to="/hosts/$id"
            params={{ id }}
            search={{ event: detection.event_key }}
            variant="default"
            leftSection={<IconClockHour4 size={16} aria-hidden />}
          >
            {t('detections.event')}
          </ButtonLink>
        )}
        <ButtonLink to="/hosts/$id" params={{ id }} search={{ tab: 'state' }} variant="default">
          {t('detections.toHost')}
        </ButtonLink>
      </Group>
    </>
  );
}

/** The file, or that it was none: malware may sit in memory or in a boot sector. */
export function FileText({ detection: { path } }: { detection: Pick<DetectionRow, 'path'> }) {
  const { t } = useWords();
  if (path == null || path.text === '') return <>{t('detections.noFile')}</>;
  return <FilePath path={path.text} hex={path.hex} />;
}

/** Text from the PC, where there is any. */
function told(name: string, value: string | null | undefined): Fact[] {
  return value == null || value === '' ? [] : [[name, <Hostile key={name} text={value} />]];
}

function moment(name: string, ms: number | null | undefined): Fact[] {
  return typeof ms === 'number' ? [[name, <Time key={name} ms={ms} />]] : [];
}
