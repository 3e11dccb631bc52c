/** The mails that an alert caused, each with every attempt to send it. */
import { Text } from '@mantine/core';
import type { Delivery } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { Hostile } from '~/ui/hostile';
import type { Tone } from '~/ui/palette';
import { Panel } from '~/ui/panel';
import { Time } from '~/ui/time';
import { ToneBadge } from '~/ui/tone';
import { formatDuration } from '~/util/format';
import classes from './deliveries.module.css';

const STATE_TONE: Readonly<Record<string, Tone>> = { sent: 'good', due: 'low', failed: 'high' };

export function Deliveries({ deliveries }: { deliveries: readonly Delivery[] }) {
  const { t } = useWords();
  return (
    <Panel title={t('alert.deliveries')}>
      {deliveries.length === 0 ? (
        <Text c="dimmed">{t('alert.noDeliveries')}</Text>
      ) : (
        <ul className={classes.list}>
          {deliveries.map((delivery) => (
            <OneDelivery key={delivery.id} delivery={delivery} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function OneDelivery({ delivery }: { delivery: Delivery }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  return (
    <li className={classes.delivery}>
      <div className={classes.head}>
        <strong>
          <Hostile text={delivery.recipient} />
        </strong>
        <ToneBadge tone={STATE_TONE[delivery.state] ?? 'unknown'}>{word('deliveryState', delivery.state)}</ToneBadge>
      </div>
      <Text c="dimmed" fz="sm">
        {word('channel', delivery.channel)} · {word('deliveryKind', delivery.kind)} ·{' '}
        <Time ms={delivery.sent_ms ?? delivery.created_ms} />
      </Text>
      {delivery.attempts.length === 0 ? (
        <Text fz="sm">{t('alert.noAttempts')}</Text>
      ) : (
        <ol className={classes.attempts} aria-label={t('alert.attempts')}>
          {delivery.attempts.map((attempt) => (
            <li key={`${attempt.at_ms}-${attempt.outcome}`}>
              <Time ms={attempt.at_ms} /> · {word('outcome', attempt.outcome)} ·{' '}
              {formatDuration(attempt.duration_ms, language)}
              {attempt.detail !== '' && (
                <div className={classes.detail}>
                  <Hostile text={attempt.detail} mono />
                </div>
              )}
            </li>
          ))}
        </ol>
      )}
    </li>
  );
}
