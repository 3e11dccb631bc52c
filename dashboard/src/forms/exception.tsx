/** An exception for one PC: its kind, its ground and its end, all asked for. */
import { Button, Group, Radio, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { addException } from '~/api/actions';
import type { ExceptionKind, PcRow } from '~/api/types';
import { PcLabel } from '~/components/pc-label';
import { useNow } from '~/hooks/use-now';
import { useWords } from '~/i18n';
import { notice } from '~/ui/notice';
import { useErrorText } from '~/ui/states';
import { addDays, endOf, isDay, today } from '~/util/days';

const KINDS = ['offline_rule', 'tablet_kiosk', 'unsupported', 'retired'] as const satisfies readonly ExceptionKind[];
/** As the server demands; it checks again. */
const LONGEST_DAYS = 365;
const REASON_MIN = 3;
const REASON_MAX = 500;

interface ExceptionFormProps {
  readonly pc: Pick<PcRow, 'asset_id' | 'host_id' | 'name' | 'asset_number' | 'unit'>;
  readonly onDone: () => void;
}

export function ExceptionForm({ pc, onDone }: ExceptionFormProps) {
  const { t } = useWords();
  const queries = useQueryClient();
  const now = today(useNow());
  const [first, last] = [addDays(now, 1), addDays(now, LONGEST_DAYS)];
  const form = useForm({
    initialValues: { kind: '', reason: '', until: '' },
    validate: {
      kind: (value) => (value === '' ? t('exceptions.kindRequired') : null),
      reason: (value) => (value.trim().length < REASON_MIN ? t('exceptions.reasonRequired') : null),
      until: (value) => (isDay(value) && value >= first && value <= last ? null : t('exceptions.untilWrong')),
    },
  });
  const adding = useMutation({
    mutationFn: addException,
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['coverage'] });
      notice(t('exceptions.addedNow'));
      onDone();
    },
  });
  const failure = useErrorText(adding.error);
  const submit = form.onSubmit(({ kind, reason, until }) =>
    adding.mutate({
      // The register's line outlives a PC that is set up anew; without one the host has to do.
      ...(typeof pc.asset_id === 'number' ? { asset_id: pc.asset_id } : { host_id: pc.host_id ?? null }),
      kind: kind as ExceptionKind,
      reason: reason.trim(),
      ends_ms: endOf(until),
    }),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <Text>
          <strong>
            <PcLabel pc={pc} />
          </strong>{' '}
          · {pc.unit.name}
        </Text>
        <Text c="dimmed" fz="sm">
          {t('exceptions.addNote')}
        </Text>
        <Radio.Group label={t('exceptionKind.label')} withAsterisk {...form.getInputProps('kind')}>
          <Stack gap={8} mt={6}>
            {KINDS.map((kind) => (
              <Radio key={kind} value={kind} label={t(`exceptionKind.${kind}`)} />
            ))}
          </Stack>
        </Radio.Group>
        <Textarea
          label={t('exceptions.reason')}
          placeholder={t('exceptions.reasonHint')}
          withAsterisk
          autosize
          minRows={2}
          maxRows={8}
          maxLength={REASON_MAX}
          {...form.getInputProps('reason')}
        />
        <TextInput
          type="date"
          label={t('exceptions.until')}
          description={t('exceptions.untilHint')}
          withAsterisk
          min={first}
          max={last}
          {...form.getInputProps('until')}
        />
        {adding.isError && <Text role="alert">{failure}</Text>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={adding.isPending}>
            {t('exceptions.add')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
