/** Putting one hash on a list, or a file of them: the verdict and the source are asked for. */
import { Button, FileInput, Group, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { TFunction } from 'i18next';
import { ApiError } from '~/api/client';
import { addHash, importHashes } from '~/api/file-actions';
import type { HashesReport, HashVerdict } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { notice } from '~/ui/notice';
import { useErrorText } from '~/ui/states';
import { formatNumber, type Language } from '~/util/format';

const VERDICTS = ['bad', 'good'] as const satisfies readonly HashVerdict[];
/** As the server demands; it checks again. */
const SOURCE_MAX = 100;
const NOTE_MAX = 500;
/** As the server takes it; the command line of the collector takes longer ones. */
const FILE_MAX = 16 * 1024 * 1024;

const SHA256 = /^[0-9a-f]{64}$/i;

interface FormProps {
  readonly onDone: () => void;
}

/** What both forms ask for. */
function useCommon() {
  const { t } = useWords();
  return {
    initialValues: { verdict: '', source: '', note: '' },
    validate: {
      verdict: (value: string) => (value === '' ? t('hashes.verdictRequired') : null),
      source: (value: string) => (value.trim() === '' ? t('hashes.sourceRequired') : null),
    },
  };
}

export function HashForm({ onDone }: FormProps) {
  const { t } = useWords();
  const queries = useQueryClient();
  const common = useCommon();
  const form = useForm({
    initialValues: { sha256: '', ...common.initialValues },
    validate: {
      sha256: (value) => (SHA256.test(value.trim()) ? null : t('hashes.sha256Wrong')),
      ...common.validate,
    },
  });
  const adding = useMutation({
    mutationFn: addHash,
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['hashes'] });
      void queries.invalidateQueries({ queryKey: ['events'] });
      notice(t('hashes.addedNow'));
      onDone();
    },
  });
  const failure = useErrorText(adding.error);
  const submit = form.onSubmit(({ sha256, verdict, source, note }) =>
    adding.mutate({
      sha256: sha256.trim().toLowerCase(),
      verdict: verdict as HashVerdict,
      source: source.trim(),
      note: note.trim(),
    }),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <TextInput
          label={t('hashes.sha256')}
          withAsterisk
          data-autofocus
          spellCheck={false}
          autoComplete="off"
          {...form.getInputProps('sha256')}
        />
        <VerdictChoice {...form.getInputProps('verdict')} />
        <SourceAndNote source={form.getInputProps('source')} note={form.getInputProps('note')} />
        {adding.isError && <Text role="alert">{failure}</Text>}
        <Buttons busy={adding.isPending} label={t('hashes.addSubmit')} onCancel={onDone} />
      </Stack>
    </form>
  );
}

export function HashImportForm({ onDone }: FormProps) {
  const { t, language } = useWords();
  const queries = useQueryClient();
  const common = useCommon();
  const form = useForm({
    initialValues: { file: null as File | null, ...common.initialValues },
    validate: { file: (value) => fileFault(t, value), ...common.validate },
  });
  const importing = useMutation({
    mutationFn: importHashes,
    onSuccess: (report) => {
      void queries.invalidateQueries({ queryKey: ['hashes'] });
      void queries.invalidateQueries({ queryKey: ['events'] });
      notice(importedText(t, language, report));
      onDone();
    },
  });
  const failure = useImportFault(importing.error);
  const submit = form.onSubmit(({ file, verdict, source, note }) => {
    if (file === null) return;
    importing.mutate({ file, verdict: verdict as HashVerdict, source: source.trim(), note: note.trim() });
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <Text c="dimmed">{t('hashes.importNote')}</Text>
        <FileInput
          label={t('hashes.importFile')}
          placeholder={t('hashes.importChoose')}
          accept=".txt,.csv,.sha256,text/plain,text/csv"
          withAsterisk
          clearable
          clearButtonProps={{ 'aria-label': t('hashes.importOther') }}
          {...form.getInputProps('file')}
        />
        <VerdictChoice {...form.getInputProps('verdict')} />
        <SourceAndNote source={form.getInputProps('source')} note={form.getInputProps('note')} />
        {importing.isError && <Text role="alert">{failure}</Text>}
        <Buttons busy={importing.isPending} label={t('hashes.importSubmit')} onCancel={onDone} />
      </Stack>
    </form>
  );
}

/** What became of the hashes; that a bad one stays bad is said only where it was to be good. */
function importedText(t: TFunction, language: Language, { hashes, added, replaced, kept_bad: kept }: HashesReport) {
  const shown = (count: number) => formatNumber(count, language);
  const counts = { hashes: shown(hashes), added: shown(added), replaced: shown(replaced), kept: shown(kept) };
  return kept > 0 ? t('hashes.importedKept', counts) : t('hashes.imported', counts);
}

function fileFault(t: TFunction, file: File | null): string | null {
  if (file === null) return t('hashes.importFileRequired');
  return file.size > FILE_MAX ? t('hashes.importTooLarge') : null;
}

/** A line that is no hash is named; nothing was taken from the file then. */
function useImportFault(error: unknown): string {
  const { t, language } = useWords();
  const { word } = useCodes();
  const other = useErrorText(error);
  if (!(error instanceof ApiError)) return other;
  const { line, problem } = error.params;
  if (error.code === 'body_too_large') return t('hashes.importTooLarge');
  if (error.code !== 'hash_list_fault') return other;
  const why = word('hashes.problem', String(problem));
  return typeof line === 'number' ? t('hashes.fault', { line: formatNumber(line, language), why }) : why;
}

type InputProps = ReturnType<ReturnType<typeof useForm>['getInputProps']>;

function VerdictChoice(props: InputProps) {
  const { t } = useWords();
  return (
    <Radio.Group label={t('hashes.verdict')} withAsterisk {...props}>
      <Group mt={6}>
        {VERDICTS.map((verdict) => (
          <Radio key={verdict} value={verdict} label={t(`hashes.verdicts.${verdict}`)} />
        ))}
      </Group>
    </Radio.Group>
  );
}

function SourceAndNote({ source, note }: { source: InputProps; note: InputProps }) {
  const { t } = useWords();
  return (
    <>
      <TextInput
        label={t('hashes.source')}
        placeholder={t('hashes.sourceHint')}
        withAsterisk
        maxLength={SOURCE_MAX}
        {...source}
      />
      <TextInput label={t('hashes.remark')} maxLength={NOTE_MAX} {...note} />
    </>
  );
}

interface ButtonsProps {
  readonly busy: boolean;
  readonly label: string;
  readonly onCancel: () => void;
}

function Buttons({ busy, label, onCancel }: ButtonsProps) {
  const { t } = useWords();
  return (
    <Group justify="flex-end">
      <Button variant="default" onClick={onCancel}>
        {t('common.cancel')}
      </Button>
      <Button type="submit" loading={busy}>
        {label}
      </Button>
    </Group>
  );
}
