/** The latest malware that was found on one PC, and what became of it. */
import { Table, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { detectionsQuery } from '~/api/coverage-queries';
import type { DetectionRow, HostDetail } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { DataTable, Row, rowTarget } from '~/ui/data-table';
import { Hostile } from '~/ui/hostile';
import { TextLink } from '~/ui/link';
import { Panel } from '~/ui/panel';
import { Failed, Loading } from '~/ui/states';
import { Time } from '~/ui/time';
import { ZONE_LABEL } from '~/util/format';
import { DetectionPanel, FileText, OutcomeBadge } from './detection-panel';

/** The list of all has the rest. */
const SHOWN = 10;

export function HostDetections({ host }: { host: HostDetail }) {
  const { t } = useWords();
  const { data, error, refetch } = useInfiniteQuery(detectionsQuery({ host: host.id }));
  const [open, setOpen] = useState<number>();
  const rows = data?.pages.flatMap((page) => page.items).slice(0, SHOWN) ?? [];
  const all = (
    <TextLink to="/detections" search={{ host: host.id }} fz="sm">
      {t('detections.all')}
    </TextLink>
  );
  return (
    <Panel title={t('detections.ofHost')} aside={rows.length > 0 && all} flush={rows.length > 0}>
      {data === undefined ? (
        error === null ? (
          <Loading lines={3} />
        ) : (
          <Failed error={error} onRetry={() => void refetch()} />
        )
      ) : rows.length === 0 ? (
        <Text c="dimmed">{t('detections.noneOnHost')}</Text>
      ) : (
        <HostDetectionTable rows={rows} selected={open} onSelect={setOpen} />
      )}
      <DetectionPanel detection={rows.find(({ id }) => id === open)} onClose={() => setOpen(undefined)} />
    </Panel>
  );
}

interface TableProps {
  readonly rows: readonly DetectionRow[];
  readonly selected: number | undefined;
  readonly onSelect: (id: number) => void;
}

function HostDetectionTable({ rows, selected, onSelect }: TableProps) {
  const { t } = useWords();
  const { word } = useCodes();
  const columns = [
    { key: 'time', title: t('detections.found', { zone: ZONE_LABEL }), width: 180 },
    { key: 'threat', title: t('detections.threat') },
    { key: 'outcome', title: t('remedyOutcome.label'), width: 260 },
    { key: 'user', title: t('detections.user'), width: 160 },
  ];
  return (
    <DataTable label={t('detections.ofHost')} columns={columns} stacks>
      {rows.map((detection) => (
        <Row key={detection.id} selected={detection.id === selected}>
          <Table.Td>
            <Time ms={detection.found_ms} />
          </Table.Td>
          <Table.Td style={{ overflowWrap: 'anywhere' }}>
            <button type="button" {...rowTarget} onClick={() => onSelect(detection.id)}>
              <Hostile text={detection.threat} />
            </button>
            <Text fz="xs" c="dimmed">
              <FileText detection={detection} />
            </Text>
          </Table.Td>
          <Table.Td>
            <OutcomeBadge detection={detection} />
            <Text fz="xs" c="dimmed">
              {word('remedy', detection.action)}
            </Text>
          </Table.Td>
          <Table.Td>{detection.user != null && <Hostile text={detection.user} />}</Table.Td>
        </Row>
      ))}
    </DataTable>
  );
}
