/** Contents that the centre knows, as hashes: bad ones raise an alert wherever they appear, good ones none. */
import { Button, Group, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { removeHash } from '~/api/file-actions';
import { hashesCountQuery, hashesQuery } from '~/api/file-queries';
import type { HashRow } from '~/api/types';
import { DetectionSections } from '~/components/detection-sections';
import { HashSightings } from '~/components/hash-sightings';
import { useMay } from '~/components/rights';
import { ConfirmForm } from '~/forms/confirm';
import { HashForm, HashImportForm } from '~/forms/hash';
import { useList } from '~/hooks/use-list';
import { useWords } from '~/i18n';
import { DataTable, More, Row, rowTarget, Waiting } from '~/ui/data-table';
import { Dialog } from '~/ui/dialog';
import { Choice, Filters, SearchField } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { IconFingerprint, IconPlus, IconUpload } from '~/ui/icons';
import { ListBody } from '~/ui/list-body';
import { notice } from '~/ui/notice';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Empty } from '~/ui/states';
import { Time } from '~/ui/time';
import { ToneText } from '~/ui/tone';
import { formatNumber, ZONE_LABEL } from '~/util/format';
import { hashesFilters, type HashesSearch, VERDICTS } from './hashes.search';
import classes from './hashes.module.css';

const route = getRouteApi('/signed-in/shell/detections/hashes');

export function HashesPage() {
  const { t, language } = useWords();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const filters = hashesFilters(search);
  const query = useInfiniteQuery(hashesQuery(filters));
  const count = useQuery(hashesCountQuery(filters)).data?.count;
  const list = useList(query, (hash) => hash.sha256, filters);
  const filtered = filters.search !== undefined || filters.verdict !== undefined;
  const [removing, setRemoving] = useState<HashRow>();
  const change = (part: HashesSearch) =>
    void navigate({ search: (former) => ({ ...former, ...part }), replace: true, resetScroll: false });
  return (
    <Page
      title={t('hashes.title')}
      below={
        <Text c="dimmed">
          {count === undefined ? '\u00A0' : t('hashes.count', { count, shown: formatNumber(count, language) })}
        </Text>
      }
      actions={
        <>
          <Waiting count={list.waiting} onShow={list.refresh} />
          <AddButtons />
        </>
      }
    >
      <DetectionSections />
      <Text c="dimmed">{t('hashes.note')}</Text>
      <Filters active={filtered} onClear={() => change({ search: undefined, verdict: undefined })}>
        <SearchField label={t('hashes.search')} value={search.search} onChange={(value) => change({ search: value })} />
        <Choice
          label={t('hashes.verdict')}
          value={search.verdict}
          options={VERDICTS.map((value) => ({ value, label: t(`hashes.verdicts.${value}`) }))}
          onChange={(verdict) => change({ verdict })}
        />
      </Filters>
      <Panel flush>
        <ListBody query={query} shown={list.rows.length} empty={<NoHashes filtered={filtered} />}>
          <HashTable
            rows={list.rows}
            gone={list.gone}
            stale={list.stale}
            selected={search.open}
            onSelect={(open) => change({ open })}
            onRemove={setRemoving}
          />
          <More {...list.more} />
        </ListBody>
      </Panel>
      <HashSightings sha256={search.open} onClose={() => change({ open: undefined })} />
      <RemoveDialog hash={removing} onClose={() => setRemoving(undefined)} />
    </Page>
  );
}

function AddButtons() {
  const { t } = useWords();
  const may = useMay('keepHashes');
  const [adding, addition] = useDisclosure(false);
  const [importing, intake] = useDisclosure(false);
  if (!may) return null;
  return (
    <>
      <Button variant="default" leftSection={<IconUpload size={16} aria-hidden />} onClick={intake.open}>
        {t('hashes.import')}
      </Button>
      <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={addition.open}>
        {t('hashes.add')}
      </Button>
      <Dialog title={t('hashes.addTitle')} opened={adding} onClose={addition.close}>
        <HashForm onDone={addition.close} />
      </Dialog>
      <Dialog title={t('hashes.importTitle')} opened={importing} onClose={intake.close}>
        <HashImportForm onDone={intake.close} />
      </Dialog>
    </>
  );
}

interface HashTableProps {
  readonly rows: readonly HashRow[];
  readonly gone: ReadonlySet<string>;
  readonly stale: boolean;
  readonly selected: string | undefined;
  readonly onSelect: (sha256: string) => void;
  readonly onRemove: (hash: HashRow) => void;
}

function HashTable({ rows, gone, stale, selected, onSelect, onRemove }: HashTableProps) {
  const { t } = useWords();
  const may = useMay('keepHashes');
  const columns = [
    { key: 'verdict', title: t('hashes.verdict'), width: 120 },
    { key: 'sha256', title: t('hashes.sha256') },
    { key: 'source', title: t('hashes.source'), width: 260 },
    { key: 'by', title: t('hashes.by'), width: 140 },
    { key: 'at', title: t('hashes.at', { zone: ZONE_LABEL }), width: 180 },
    ...(may ? [{ key: 'remove', title: t('hashes.action'), width: 160 }] : []),
  ];
  return (
    <DataTable label={t('hashes.title')} columns={columns} stale={stale} stacks>
      {rows.map((hash) => (
        <Row key={hash.sha256} gone={gone.has(hash.sha256)} selected={hash.sha256 === selected}>
          <Table.Td>
            <VerdictText verdict={hash.verdict} />
          </Table.Td>
          <Table.Td className={classes.hash}>
            <button type="button" {...rowTarget} onClick={() => onSelect(hash.sha256)}>
              <Hostile text={hash.sha256} mono />
            </button>
          </Table.Td>
          <Table.Td>
            <Hostile text={hash.source} />
            {hash.note !== '' && (
              <Text fz="xs" c="dimmed">
                <Hostile text={hash.note} />
              </Text>
            )}
          </Table.Td>
          <Table.Td>
            <Hostile text={hash.author} />
          </Table.Td>
          <Table.Td>
            <Time ms={hash.at_ms} />
          </Table.Td>
          {may && (
            <Table.Td>
              <Button
                className={classes.above}
                variant="default"
                size="compact-sm"
                disabled={gone.has(hash.sha256)}
                onClick={() => onRemove(hash)}
              >
                {t('hashes.remove')}
              </Button>
            </Table.Td>
          )}
        </Row>
      ))}
    </DataTable>
  );
}

function VerdictText({ verdict }: Pick<HashRow, 'verdict'>) {
  const { t } = useWords();
  return <ToneText tone={verdict === 'bad' ? 'critical' : 'good'}>{t(`hashes.verdicts.${verdict}`)}</ToneText>;
}

function RemoveDialog({ hash, onClose }: { hash: HashRow | undefined; onClose: () => void }) {
  const { t } = useWords();
  const queries = useQueryClient();
  return (
    <Dialog title={t('hashes.removeTitle')} opened={hash !== undefined} onClose={onClose}>
      {hash !== undefined && (
        <ConfirmForm
          label={t('hashes.remove')}
          act={() => removeHash(hash.sha256)}
          onDone={() => {
            void queries.invalidateQueries({ queryKey: ['hashes'] });
            void queries.invalidateQueries({ queryKey: ['events'] });
            notice(t('hashes.removedNow'));
            onClose();
          }}
          onCancel={onClose}
        >
          <Group gap="xs" className={classes.hash}>
            <VerdictText verdict={hash.verdict} />
            <Hostile text={hash.sha256} mono />
          </Group>
          <Text mt="sm">{t('hashes.removeNote')}</Text>
        </ConfirmForm>
      )}
    </Dialog>
  );
}

function NoHashes({ filtered }: { filtered: boolean }) {
  const { t } = useWords();
  const icon = <IconFingerprint size={28} />;
  if (filtered) return <Empty icon={icon} title={t('hashes.noMatch')} />;
  return (
    <Empty icon={icon} title={t('hashes.empty')}>
      {t('hashes.emptyNote')}
    </Empty>
  );
}
