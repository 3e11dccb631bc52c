/** Saying of a machine on the network that it is no PC, and what it is. */
import { Button, Group, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { markMachine } from '~/api/actions';
import type { DeviceKind, MachineRow } from '~/api/types';
import { useWords } from '~/i18n';
import { notice } from '~/ui/notice';
import { useErrorText } from '~/ui/states';

const DEVICES = [
  'printer',
  'camera',
  'switch',
  'router',
  'access_point',
  'phone',
  'appliance',
  'other',
] as const satisfies readonly DeviceKind[];
/** As the server demands; it checks again. */
const REMARK_MAX = 200;

interface MarkMachineFormProps {
  readonly machine: MachineRow;
  readonly onDone: () => void;
}

export function MarkMachineForm({ machine, onDone }: MarkMachineFormProps) {
  const { t } = useWords();
  const queries = useQueryClient();
  const form = useForm({
    initialValues: { kind: machine.gateway ? 'router' : '', note: '' },
    validate: { kind: (value) => (value === '' ? t('unmanaged.deviceRequired') : null) },
  });
  const marking = useMutation({
    mutationFn: markMachine,
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['coverage'] });
      notice(t('unmanaged.markedNow'));
      onDone();
    },
  });
  const failure = useErrorText(marking.error);
  const submit = form.onSubmit(({ kind, note }) =>
    marking.mutate({ mac: machine.mac, kind: kind as DeviceKind, note: note.trim() === '' ? null : note.trim() }),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <Text>{t('unmanaged.markNote', { name: `${machine.address} (${machine.mac})` })}</Text>
        <Radio.Group label={t('unmanaged.device')} withAsterisk {...form.getInputProps('kind')}>
          <Stack gap={8} mt={6}>
            {DEVICES.map((kind) => (
              <Radio key={kind} value={kind} label={t(`deviceKind.${kind}`)} />
            ))}
          </Stack>
        </Radio.Group>
        <TextInput label={t('unmanaged.remark')} maxLength={REMARK_MAX} {...form.getInputProps('note')} />
        {marking.isError && <Text role="alert">{failure}</Text>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t('common.cancel')}
          </Button>
          <Button type="submit" loading={marking.isPending}>
            {t('unmanaged.mark')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
