/** Vietnamese or English; each is named in its own language. */
import { SegmentedControl } from '@mantine/core';
import { changeLanguage, useWords } from '~/i18n';
import type { Language } from '~/util/format';

const LANGUAGES: { value: Language; label: string }[] = [
  { value: 'vi', label: 'Tiếng Việt' },
  { value: 'en', label: 'English' },
];

interface LanguageSwitchProps {
  /** Told after the page has changed its language. */
  readonly onChosen?: (language: Language) => void;
}

export function LanguageSwitch({ onChosen }: LanguageSwitchProps) {
  const { t, language } = useWords();
  return (
    <SegmentedControl
      aria-label={t('account.language')}
      size="xs"
      value={language}
      onChange={(value) => {
        changeLanguage(value as Language);
        onChosen?.(value as Language);
      }}
      data={LANGUAGES}
    />
  );
}
