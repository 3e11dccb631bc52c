/** Whether what is on the page is fresh; said aloud when it stops being so. */
import { Tooltip } from '@mantine/core';
import { useWords } from '~/i18n';
import { IconPlugConnected, IconPlugConnectedX } from '~/ui/icons';
import classes from './live-indicator.module.css';

export function LiveIndicator({ connected }: { connected: boolean }) {
  const { t } = useWords();
  const Icon = connected ? IconPlugConnected : IconPlugConnectedX;
  return (
    <Tooltip label={connected ? t('live.onHint') : t('live.offHint')}>
      <output className={classes.indicator} data-tone={connected ? 'good' : 'high'}>
        <Icon size={16} aria-hidden />
        {connected ? t('live.on') : t('live.off')}
      </output>
    </Tooltip>
  );
}
