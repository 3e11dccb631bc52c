/** What an analyst does with an alert: take it, comment on it, close it with a verdict. */
import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notice } from '~/ui/notice';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { acknowledge } from '~/api/actions';
import { alertQuery } from '~/api/queries';
import type { AlertDetail } from '~/api/types';
import { AcceptBaselineForm } from '~/forms/accept-baseline';
import { CommentForm } from '~/forms/comment';
import { ResolveForm } from '~/forms/resolve';
import { useWords } from '~/i18n';
import { Dialog } from '~/ui/dialog';
import { IconCheck } from '~/ui/icons';
import { useErrorText } from '~/ui/states';
import { useMay } from './rights';

export function AlertActions({ alert }: { alert: AlertDetail }) {
  const { t } = useWords();
  const [resolving, resolution] = useDisclosure(false);
  const [commenting, comment] = useDisclosure(false);
  const [accepting, acceptance] = useDisclosure(false);
  const mayAccept = useMay('reviewFiles') && alert.category === 'files' && alert.state !== 'resolved';
  const store = useStoreAlert();
  const taking = useMutation({
    mutationFn: acknowledge,
    onSuccess: (changed) => {
      store(changed);
      notice(t('alert.acknowledgedNow'));
    },
  });
  const failure = useErrorText(taking.error);
  return (
    <>
      {taking.isError && <span role="alert">{failure}</span>}
      <Button variant="default" onClick={comment.open}>
        {t('alert.addComment')}
      </Button>
      {alert.state === 'open' && (
        <Button
          variant="default"
          leftSection={<IconCheck size={16} aria-hidden />}
          loading={taking.isPending}
          onClick={() => taking.mutate(alert.id)}
        >
          {t('alert.acknowledge')}
        </Button>
      )}
      {mayAccept && (
        <Button variant="default" onClick={acceptance.open}>
          {t('baseline.accept')}
        </Button>
      )}
      {alert.state !== 'resolved' && <Button onClick={resolution.open}>{t('alert.resolve')}</Button>}
      <Dialog title={t('alert.resolveTitle')} opened={resolving} onClose={resolution.close}>
        <ResolveForm alert={alert.id} onDone={resolution.close} onStored={store} />
      </Dialog>
      <Dialog title={t('alert.addComment')} opened={commenting} onClose={comment.close}>
        <CommentForm alert={alert.id} onDone={comment.close} onStored={store} />
      </Dialog>
      <Dialog title={t('baseline.title')} opened={accepting} onClose={acceptance.close}>
        <AcceptBaselineForm alert={alert} onDone={acceptance.close} onStored={store} />
      </Dialog>
    </>
  );
}

/** The answer to a change is the alert as it is now; lists that show it are asked again. */
function useStoreAlert(): (alert: AlertDetail) => void {
  const queries = useQueryClient();
  return (alert) => {
    queries.setQueryData(alertQuery(alert.id).queryKey, alert);
    void queries.invalidateQueries({ queryKey: ['alerts'] });
    void queries.invalidateQueries({ queryKey: ['overview'] });
  };
}
