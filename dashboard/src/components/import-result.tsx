/** What a register's file would change, or has changed: numbers, bad lines, and the changes themselves. */
import { Table, Text } from '@mantine/core';
import type { ImportReport } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { DataTable } from '~/ui/data-table';
import { Facts } from '~/ui/facts';
import { Hostile } from '~/ui/hostile';
import { Panel } from '~/ui/panel';
import { ToneText } from '~/ui/tone';
import { formatNumber } from '~/util/format';

const SEPARATORS: Readonly<Record<string, string>> = { ',': 'comma', ';': 'semicolon', '\t': 'tab' };

export function ImportResult({ report }: { report: ImportReport }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const number = (value: number) => formatNumber(value, language);
  return (
    <>
      <Panel title={report.dry_run ? t('register.found') : t('register.result')}>
        <Text c="dimmed" mb="sm">
          {t('register.read', {
            rows: number(report.lines),
            encoding: report.encoding.toUpperCase(),
            separator: word('register.separator', SEPARATORS[report.separator] ?? report.separator),
          })}
        </Text>
        <Facts
          facts={[
            [t('register.added'), number(report.added)],
            [t('register.changed'), number(report.changed)],
            [t('register.unchanged'), number(report.unchanged)],
            [t('register.removed'), number(report.removed)],
            [t('register.joined'), number(report.joined)],
            [
              t('register.bad'),
              <ToneText key="bad" tone={report.bad_lines === 0 ? 'good' : 'high'}>
                {number(report.bad_lines)}
              </ToneText>,
            ],
          ]}
        />
      </Panel>
      {report.faults.length > 0 && <BadLines report={report} />}
      {report.changes.length > 0 && <Changes report={report} />}
    </>
  );
}

function BadLines({ report }: { report: ImportReport }) {
  const { t, language } = useWords();
  const { phrase } = useCodes();
  const columns = [
    { key: 'line', title: t('register.line'), width: 90, align: 'right' as const },
    { key: 'field', title: t('register.field'), width: 180 },
    { key: 'fault', title: t('register.fault') },
    { key: 'value', title: t('register.value') },
  ];
  return (
    <Panel title={t('register.bad')} flush>
      <Text c="dimmed" fz="sm" px="md" pt="xs">
        {t('register.badNote', {
          shown: formatNumber(report.faults.length, language),
          total: formatNumber(report.faults_count, language),
        })}
      </Text>
      <DataTable label={t('register.bad')} columns={columns}>
        {report.faults.map(({ line, field, code, value, first_line: firstLine }) => (
          <Table.Tr key={`${line} ${field} ${code}`}>
            <Table.Td ta="right">{formatNumber(line, language)}</Table.Td>
            <Table.Td>{field == null ? '' : t(`registerField.${field}`)}</Table.Td>
            <Table.Td>{phrase('lineFault', code, { first_line: firstLine })}</Table.Td>
            <Table.Td style={{ overflowWrap: 'anywhere' }}>{value != null && <Hostile text={value} />}</Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Panel>
  );
}

function Changes({ report }: { report: ImportReport }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const all = report.added + report.changed + report.removed;
  const columns = [
    { key: 'line', title: t('register.line'), width: 90, align: 'right' as const },
    { key: 'action', title: t('register.action'), width: 170 },
    { key: 'pc', title: t('pcs.name') },
    { key: 'unit', title: t('pcs.unit') },
    { key: 'fields', title: t('register.fields') },
  ];
  return (
    <Panel title={t('register.changes')} flush>
      <Text c="dimmed" fz="sm" px="md" pt="xs">
        {t('register.changesNote', {
          shown: formatNumber(report.changes.length, language),
          total: formatNumber(all, language),
        })}
      </Text>
      <DataTable label={t('register.changes')} columns={columns}>
        {report.changes.map((change) => (
          <Table.Tr key={`${change.line} ${change.asset_number} ${change.name}`}>
            <Table.Td ta="right">
              {typeof change.line === 'number' ? formatNumber(change.line, language) : '–'}
            </Table.Td>
            <Table.Td>{word('importAction', change.action)}</Table.Td>
            <Table.Td style={{ overflowWrap: 'anywhere' }}>
              <Hostile text={[change.asset_number, change.name].filter(Boolean).join(' · ')} />
            </Table.Td>
            <Table.Td>{change.unit.name}</Table.Td>
            <Table.Td style={{ overflowWrap: 'anywhere' }}>
              {change.action === 'change' &&
                change.fields.map(({ field, before, after }) => (
                  <div key={field}>
                    {t(`registerField.${field}`)}: <Hostile text={before === '' ? '–' : before} /> →{' '}
                    <Hostile text={after === '' ? '–' : after} />
                  </div>
                ))}
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
    </Panel>
  );
}
