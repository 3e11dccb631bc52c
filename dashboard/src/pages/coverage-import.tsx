/**
 * Bringing in the register of assets: a file, what it would change, and only then the change.
 *
 * What was tried is what is confirmed: the file and the options of the trial are kept and sent again as they
 * were, and touching any of them asks for another trial.
 */
import { Alert, Button, Checkbox, FileInput, Group, Select, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type Importing, importRegister } from '~/api/actions';
import { ApiError } from '~/api/client';
import type { AssetField, ImportReport } from '~/api/types';
import { CoverageSections } from '~/components/coverage-sections';
import { ImportResult } from '~/components/import-result';
import { UnitChoice } from '~/components/unit-choice';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { IconCheck } from '~/ui/icons';
import { ButtonLink } from '~/ui/link';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Loading, useErrorText } from '~/ui/states';
import { headersOf } from '~/util/csv-header';
import { formatNumber } from '~/util/format';
import classes from './coverage-import.module.css';

/** As the server takes it. */
const FILE_MAX = 32 * 1024 * 1024;

const FIELDS = [
  'asset_number',
  'name',
  'unit',
  'place',
  'custodian',
  'kind',
  'os',
  'mac',
  'serial',
  'note',
] as const satisfies readonly AssetField[];

interface Choices {
  readonly file: File | null;
  readonly unit: number | undefined;
  readonly removeMissing: boolean;
  /** The header under which each field stands, where somebody said so. */
  readonly columns: Readonly<Partial<Record<AssetField, string>>>;
  /** The names in the file's first line. */
  readonly headers: readonly string[];
}

const NOTHING: Choices = { file: null, unit: undefined, removeMissing: false, columns: {}, headers: [] };

const HEADER_FAULTS: ReadonlySet<unknown> = new Set(['no_header', 'unknown_column', 'field_twice']);

export function CoverageImportPage() {
  const { t } = useWords();
  const queries = useQueryClient();
  const [choices, setChoices] = useState(NOTHING);
  const trial = useMutation({ mutationFn: importRegister });
  const applying = useMutation({
    mutationFn: importRegister,
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['coverage'] }),
  });
  const change = (part: Partial<Choices>) => {
    setChoices((former) => ({ ...former, ...part }));
    trial.reset();
    applying.reset();
  };
  const attempt = (from: Choices) => {
    const importing = importingOf(from, true);
    if (importing !== undefined) trial.mutate(importing);
  };
  const confirm = () => {
    const importing = importingOf(choices, false);
    if (importing !== undefined) applying.mutate(importing);
  };
  const remap = (columns: Choices['columns']) => {
    change({ columns });
    attempt({ ...choices, columns });
  };
  return (
    <Page title={t('coverage.title')}>
      <CoverageSections unit={undefined} />
      {applying.isSuccess ? (
        <Done report={applying.data} onOther={() => change(NOTHING)} />
      ) : (
        <>
          <Panel title={t('register.title')}>
            <FileForm choices={choices} busy={trial.isPending} onChange={change} onTry={() => attempt(choices)} />
            {trial.isError && <Refused error={trial.error} />}
          </Panel>
          {trial.isPending && <Busy text={t('register.checking')} />}
          {trial.isError && isHeaderFault(trial.error) && (
            <Columns headers={choices.headers} chosen={choices.columns} onChange={remap} />
          )}
          {trial.isSuccess && (
            <>
              <Columns headers={headersIn(trial.data)} chosen={foundIn(trial.data, choices)} onChange={remap} />
              <ImportResult report={trial.data} />
              <Confirm report={trial.data} busy={applying.isPending} error={applying.error} onConfirm={confirm} />
            </>
          )}
        </>
      )}
    </Page>
  );
}

function importingOf({ file, unit, removeMissing, columns }: Choices, dryRun: boolean): Importing | undefined {
  if (file === null) return undefined;
  const pairs = Object.entries(columns).map(([field, header]) => `${field}=${header}`);
  return {
    file,
    options: {
      dry_run: dryRun,
      unit,
      remove_missing: removeMissing,
      map: pairs.length === 0 ? undefined : pairs.join(';'),
    },
  };
}

interface FileFormProps {
  readonly choices: Choices;
  readonly busy: boolean;
  readonly onChange: (part: Partial<Choices>) => void;
  readonly onTry: () => void;
}

function FileForm({ choices, busy, onChange, onTry }: FileFormProps) {
  const { t } = useWords();
  // Another file has other columns.
  const choose = async (file: File | null) => {
    onChange({ file, columns: {}, headers: file === null ? [] : await headersOf(file).catch(() => []) });
  };
  const tooLarge = choices.file !== null && choices.file.size > FILE_MAX;
  return (
    <Stack gap="md" maw={620}>
      <Text c="dimmed">{t('register.note')}</Text>
      <FileInput
        label={t('register.file')}
        description={t('register.fileHint')}
        placeholder={t('register.choose')}
        accept=".csv,.txt,.tsv,text/csv,text/plain"
        value={choices.file}
        onChange={(file) => void choose(file)}
        error={tooLarge ? t('register.tooLarge') : null}
        clearable
        clearButtonProps={{ 'aria-label': t('register.other') }}
      />
      <Group gap="xs">
        <Text span>{t('register.unit')}:</Text>
        <UnitChoice
          value={choices.unit}
          anyLabel={t('register.unitNone')}
          width={360}
          onChange={(unit) => onChange({ unit })}
        />
      </Group>
      <Checkbox
        label={t('register.removeMissing')}
        description={t('register.removeNote')}
        checked={choices.removeMissing}
        onChange={(event) => onChange({ removeMissing: event.currentTarget.checked })}
      />
      <div>
        <Button loading={busy} disabled={choices.file === null || tooLarge} onClick={onTry}>
          {t('register.check')}
        </Button>
      </div>
    </Stack>
  );
}

/** Why a file was not read at all. */
function Refused({ error }: { error: unknown }) {
  const { t } = useWords();
  const { sentence } = useCodes();
  const other = useErrorText(error);
  const { code, params } = error instanceof ApiError ? error : new ApiError(0, '');
  const problem = params['problem'];
  return (
    <Alert color="red" variant="outline" role="alert" mt="md" title={t('register.refused')}>
      {code === 'register_fault' && typeof problem === 'string'
        ? sentence({ code: `register_fault.${problem}`, params })
        : other}
    </Alert>
  );
}

/** Faults of the header, which saying what each column is may mend. */
function isHeaderFault(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'register_fault' && HEADER_FAULTS.has(error.params['problem']);
}

function headersIn(report: ImportReport): string[] {
  return [...new Set(report.columns.map(({ header }) => header))].filter((header) => header !== '');
}

/** What the collector made of the header, and what somebody said of it. */
function foundIn(report: ImportReport, { columns }: Choices): Choices['columns'] {
  const found = report.columns.flatMap(({ field, header }) => (field == null ? [] : [[field, header] as const]));
  return { ...(Object.fromEntries(found) as Choices['columns']), ...columns };
}

interface ColumnsProps {
  /** The names in the file's first line. */
  readonly headers: readonly string[];
  readonly chosen: Choices['columns'];
  readonly onChange: (columns: Choices['columns']) => void;
}

/** Which column is what; the file is tried again with every change. */
function Columns({ headers, chosen, onChange }: ColumnsProps) {
  const { t } = useWords();
  const set = (field: AssetField, header: string | null) => {
    const { [field]: _former, ...others } = chosen;
    onChange(header === null || header === '' ? others : { ...others, [field]: header });
  };
  return (
    <Panel title={t('register.columns')}>
      <Text c="dimmed" mb="sm">
        {t('register.columnsNote')}
      </Text>
      <div className={classes.columns}>
        {FIELDS.map((field) => (
          <Select
            key={field}
            label={t(`registerField.${field}`)}
            data={[{ value: '', label: t('register.notMapped') }, ...headers.map((value) => ({ value, label: value }))]}
            value={chosen[field] ?? ''}
            onChange={(header) => set(field, header)}
          />
        ))}
      </div>
    </Panel>
  );
}

interface ConfirmProps {
  readonly report: ImportReport;
  readonly busy: boolean;
  readonly error: unknown;
  readonly onConfirm: () => void;
}

function Confirm({ report, busy, error, onConfirm }: ConfirmProps) {
  const { t, language } = useWords();
  const failure = useErrorText(error);
  const changes = report.added + report.changed + report.removed;
  if (changes === 0) return <Text>{t('register.nothing')}</Text>;
  return (
    <Group>
      <Button loading={busy} onClick={onConfirm} leftSection={<IconCheck size={16} aria-hidden />}>
        {t('register.confirm', { shown: formatNumber(changes, language) })}
      </Button>
      {busy && <output>{t('register.applying')}</output>}
      {error !== null && <Text role="alert">{failure}</Text>}
    </Group>
  );
}

function Busy({ text }: { text: string }) {
  return (
    <Panel>
      <output>{text}</output>
      <Loading lines={4} />
    </Panel>
  );
}

function Done({ report, onOther }: { report: ImportReport; onOther: () => void }) {
  const { t } = useWords();
  return (
    <>
      <Alert color="petrol" variant="outline" title={t('register.done')}>
        <Group mt="xs">
          <ButtonLink to="/coverage/pcs">{t('register.toList')}</ButtonLink>
          <Button variant="default" onClick={onOther}>
            {t('register.other')}
          </Button>
        </Group>
      </Alert>
      <ImportResult report={report} />
    </>
  );
}
