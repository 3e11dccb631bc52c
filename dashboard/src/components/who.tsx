/** Who touched a file: a process and its user, or honestly nobody knows, and why. */
import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Who } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { Hostile } from '~/ui/hostile';
import { escapeHostile } from '~/util/hostile';
import { lastPart } from '~/util/paths';

interface WhoTextProps {
  readonly who: Who;
  /** With what started the program. */
  readonly full?: boolean;
}

/** In one line, for tables. */
export function WhoText({ who, full = false }: WhoTextProps) {
  const { t } = useWords();
  const { word } = useCodes();
  if (who.kind === 'exited') return <Quiet>{t('process.exited', { pid: who.pid ?? t('common.unknown') })}</Quiet>;
  if (who.kind === 'unavailable') {
    const reason = who.reason == null || who.reason === '' ? '' : `: ${word('process.reason', who.reason)}`;
    return (
      <Quiet>
        {t('process.unavailable')}
        {reason}
      </Quiet>
    );
  }
  const parent = lastPart(who.parent_executable?.text ?? '');
  return (
    <>
      <Hostile text={who.user ?? t('common.unknown')} /> · <Hostile text={lastPart(who.executable?.text ?? '')} />{' '}
      {typeof who.pid === 'number' && <Quiet>PID {who.pid}</Quiet>}
      {full && parent !== '' && (
        <Text span display="block" fz="xs" c="dimmed">
          {t('process.parentOf', { name: escapeHostile(parent) })}
        </Text>
      )}
    </>
  );
}

function Quiet({ children }: { children: ReactNode }) {
  return (
    <Text span inherit c="dimmed">
      {children}
    </Text>
  );
}
