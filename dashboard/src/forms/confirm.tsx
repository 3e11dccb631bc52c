/** A question before something that others will notice: what happens, and whether to do it. */
import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useWords } from '~/i18n';
import { useErrorText } from '~/ui/states';

interface ConfirmFormProps {
  readonly children: ReactNode;
  /** The button that does it. */
  readonly label: string;
  readonly act: () => Promise<void>;
  /** Called when it was done. */
  readonly onDone: () => void;
  readonly onCancel: () => void;
}

export function ConfirmForm({ children, label, act, onDone, onCancel }: ConfirmFormProps) {
  const { t } = useWords();
  const acting = useMutation({ mutationFn: act, onSuccess: onDone });
  const failure = useErrorText(acting.error);
  return (
    <Stack gap="md">
      <div>{children}</div>
      {acting.isError && <Text role="alert">{failure}</Text>}
      <Group justify="flex-end">
        <Button variant="default" onClick={onCancel}>
          {t('common.cancel')}
        </Button>
        <Button loading={acting.isPending} onClick={() => acting.mutate()}>
          {label}
        </Button>
      </Group>
    </Stack>
  );
}
