/** What a PC was told to do and what came of it; and telling it more, for those who may. */
import { Button, Group, Table, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { orderCommand } from '~/api/actions';
import { commandsQuery } from '~/api/coverage-queries';
import type { Command, HostDetail } from '~/api/types';
import { ConfirmForm } from '~/forms/confirm';
import { useNow } from '~/hooks/use-now';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { DataTable } from '~/ui/data-table';
import { Dialog } from '~/ui/dialog';
import { IconRefresh, IconSearch } from '~/ui/icons';
import { notice } from '~/ui/notice';
import type { Tone } from '~/ui/palette';
import { Panel } from '~/ui/panel';
import { Failed, Loading } from '~/ui/states';
import { Time } from '~/ui/time';
import { ToneBadge } from '~/ui/tone';
import { formatDateTime, formatDuration, formatNumber, ZONE_LABEL } from '~/util/format';
import { useMay } from './rights';
import { type CommandState, stateOf } from './command-state';

const STATE_TONE: Readonly<Record<CommandState, Tone>> = {
  ordered: 'low',
  sent: 'low',
  done: 'good',
  failed: 'high',
  lapsed: 'medium',
};

export function HostCommands({ host }: { host: HostDetail }) {
  const { t } = useWords();
  const { data, error, refetch } = useQuery(commandsQuery(host.id));
  const empty = data?.items.length === 0;
  return (
    <Panel title={t('command.title')} aside={<Orders host={host} />} flush={data !== undefined && !empty}>
      {data === undefined ? (
        error === null ? (
          <Loading lines={3} />
        ) : (
          <Failed error={error} onRetry={() => void refetch()} />
        )
      ) : empty ? (
        <Text c="dimmed">{t('command.none')}</Text>
      ) : (
        <CommandTable commands={data.items} />
      )}
    </Panel>
  );
}

/** As the collector limits them when nothing else is asked, in seconds. */
const ORDERS = {
  update_signatures: { label: 'command.update', title: 'command.updateTitle', note: 'command.updateNote', limitS: 900 },
  quick_scan: { label: 'command.scan', title: 'command.scanTitle', note: 'command.scanNote', limitS: 7200 },
} as const;
type Orderable = keyof typeof ORDERS;

function Orders({ host }: { host: HostDetail }) {
  const { t } = useWords();
  const may = useMay('order');
  const [asking, setAsking] = useState<Orderable>();
  if (!may) return null;
  return (
    <Group gap="xs">
      <Button
        variant="default"
        size="compact-sm"
        leftSection={<IconRefresh size={14} aria-hidden />}
        onClick={() => setAsking('update_signatures')}
      >
        {t(ORDERS.update_signatures.label)}
      </Button>
      <Button
        variant="default"
        size="compact-sm"
        leftSection={<IconSearch size={14} aria-hidden />}
        onClick={() => setAsking('quick_scan')}
      >
        {t(ORDERS.quick_scan.label)}
      </Button>
      <Dialog
        title={asking === undefined ? '' : t(ORDERS[asking].title)}
        opened={asking !== undefined}
        onClose={() => setAsking(undefined)}
      >
        {asking !== undefined && <OrderForm host={host} kind={asking} onClose={() => setAsking(undefined)} />}
      </Dialog>
    </Group>
  );
}

interface OrderFormProps {
  readonly host: HostDetail;
  readonly kind: Orderable;
  readonly onClose: () => void;
}

function OrderForm({ host, kind, onClose }: OrderFormProps) {
  const { t, language } = useWords();
  const queries = useQueryClient();
  const { note, limitS } = ORDERS[kind];
  const done = () => {
    void queries.invalidateQueries({ queryKey: commandsQuery(host.id).queryKey });
    notice(t('command.ordered'));
    onClose();
  };
  return (
    <ConfirmForm
      label={t('command.order')}
      act={() => orderCommand({ host: host.id, kind })}
      onDone={done}
      onCancel={onClose}
    >
      <Text>{t(note, { limit: formatDuration(limitS * 1000, language) })}</Text>
      {!host.connected && (
        <Text mt="sm" fw={600}>
          {t('command.away')}
        </Text>
      )}
    </ConfirmForm>
  );
}

function CommandTable({ commands }: { commands: readonly Command[] }) {
  const { t } = useWords();
  const { word } = useCodes();
  const now = useNow();
  const columns = [
    { key: 'at', title: t('command.at', { zone: ZONE_LABEL }), width: 180 },
    { key: 'kind', title: t('command.kind'), width: 240 },
    { key: 'state', title: t('command.state') },
    { key: 'by', title: t('command.by'), width: 160 },
  ];
  return (
    <DataTable label={t('command.title')} columns={columns} stacks>
      {commands.map((command) => (
        <Table.Tr key={command.id}>
          <Table.Td data-label={t('command.atShort')}>
            <Time ms={command.created_ms} />
          </Table.Td>
          <Table.Td>
            {word('commandKind', command.kind)}
            <Limit command={command} />
          </Table.Td>
          <Table.Td>
            <State command={command} state={stateOf(command, now)} />
          </Table.Td>
          <Table.Td data-label={t('command.by')}>{command.created_by}</Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}

function Limit({ command: { parameters } }: { command: Command }) {
  const { t, language } = useWords();
  const seconds = parameters['limit_s'];
  if (typeof seconds !== 'number') return null;
  return (
    <Text fz="xs" c="dimmed">
      {t('command.limit', { limit: formatDuration(seconds * 1000, language) })}
    </Text>
  );
}

/** How far it has come, and when it is over: with what. */
function State({ command, state }: { command: Command; state: CommandState }) {
  const { t } = useWords();
  const { word } = useCodes();
  const open = state === 'ordered' || state === 'sent';
  return (
    <>
      <ToneBadge tone={STATE_TONE[state]}>{word('commandState', state)}</ToneBadge>{' '}
      {command.detail != null && command.detail !== '' && word('commandResult', command.detail)}
      <Counts counts={command.counts} />
      <Text fz="xs" c="dimmed">
        {open && t('command.expires', { time: formatDateTime(command.expires_ms) })}
        {typeof command.finished_ms === 'number' &&
          t('command.reported', { time: formatDateTime(command.finished_ms) })}
      </Text>
    </>
  );
}

/** `12.034 tệp đã quét · 1 tệp nhiễm mã độc`; a count that this page does not know keeps its own name. */
function Counts({ counts }: { counts: Command['counts'] }) {
  const { language } = useWords();
  const { phrase } = useCodes();
  const told = Object.entries(counts).flatMap(([name, value]) => {
    if (typeof value !== 'number') return [];
    const text = phrase('commandCount', name, { n: value });
    return [text === name ? `${name}: ${formatNumber(value, language)}` : text];
  });
  return told.length === 0 ? null : <div>{told.join(' · ')}</div>;
}
