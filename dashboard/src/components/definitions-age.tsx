/** How old definitions are, in days, as a word with its tone. */
import { useNow } from '~/hooks/use-now';
import { useWords } from '~/i18n';
import type { Tone } from '~/ui/palette';
import { ToneText } from '~/ui/tone';

const DAY_MS = 86_400_000;

/** As the age bars have them: a week-end is fine, a week is not. */
function toneOf(days: number): Tone {
  if (days < 3) return 'good';
  return days <= 7 ? 'medium' : 'high';
}

export function DefinitionsAge({ builtMs }: { builtMs: number | null | undefined }) {
  const { t } = useWords();
  const now = useNow();
  if (typeof builtMs !== 'number') return <ToneText tone="unknown">{t('definitionsAge.unknown')}</ToneText>;
  const days = Math.max(0, Math.floor((now - builtMs) / DAY_MS));
  return (
    <ToneText tone={toneOf(days)}>
      {days === 0 ? t('definitionsAge.today') : t('definitionsAge.days', { count: days })}
    </ToneText>
  );
}
