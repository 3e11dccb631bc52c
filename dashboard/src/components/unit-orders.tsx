/** Telling every PC of a unit to bring its definitions up to date, after saying how many that are. */
import { Button, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { orderUnitCommand } from '~/api/actions';
import { hostsCountQuery, unitsQuery } from '~/api/queries';
import { ConfirmForm } from '~/forms/confirm';
import { useWords } from '~/i18n';
import { Dialog } from '~/ui/dialog';
import { IconRefresh } from '~/ui/icons';
import { notice } from '~/ui/notice';
import { formatNumber } from '~/util/format';
import { useMay } from './rights';

export function UnitOrders({ unit }: { unit: number }) {
  const { t } = useWords();
  const may = useMay('order');
  const [asking, question] = useDisclosure(false);
  if (!may) return null;
  return (
    <>
      <Button variant="default" leftSection={<IconRefresh size={16} aria-hidden />} onClick={question.open}>
        {t('command.updateUnit')}
      </Button>
      <Dialog title={t('command.updateUnitTitle')} opened={asking} onClose={question.close}>
        <Order unit={unit} onClose={question.close} />
      </Dialog>
    </>
  );
}

function Order({ unit, onClose }: { unit: number; onClose: () => void }) {
  const { t, language } = useWords();
  const name = useQuery(unitsQuery()).data?.items.find(({ id }) => id === unit)?.name;
  const count = useQuery(hostsCountQuery({ unit, status: 'active' })).data?.count;
  const told = (hosts: number) => ({ count: hosts, shown: formatNumber(hosts, language) });
  const act = async () => {
    const hosts = await orderUnitCommand({ unit, kind: 'update_signatures' });
    notice(t('command.orderedUnit', told(hosts)));
  };
  return (
    <ConfirmForm label={t('command.order')} act={act} onDone={onClose} onCancel={onClose}>
      <Text fw={600}>{name}</Text>
      {count !== undefined && <Text>{t('command.unitCount', told(count))}</Text>}
      <Text c="dimmed" mt="xs">
        {t('command.updateUnitNote')}
      </Text>
    </ConfirmForm>
  );
}
