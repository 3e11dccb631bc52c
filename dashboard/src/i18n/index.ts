/** Starts i18next with both languages and remembers the reader's choice; Vietnamese is the default. */
import { createInstance } from 'i18next';
import { initReactI18next, useTranslation } from 'react-i18next';
import type { Language } from '~/util/format';
import { en } from './en';
import { vi } from './vi';

const STORED = 'vong.language';

function storedLanguage(): Language {
  return localStorage.getItem(STORED) === 'en' ? 'en' : 'vi';
}

export const i18n = createInstance();

void i18n.use(initReactI18next).init({
  lng: storedLanguage(),
  fallbackLng: 'vi',
  resources: { vi: { translation: vi }, en: { translation: en } },
  // React escapes what it shows, and values are never interpreted as keys (`skipOnVariables`).
  interpolation: { escapeValue: false, skipOnVariables: true },
  // A sentence whose value was not sent says that it is not known, and does not simply lack it.
  missingInterpolationHandler: () => i18n.t('common.unknown'),
  returnNull: false,
});

/** Changes the language now and for the next visit. */
export function changeLanguage(language: Language): void {
  localStorage.setItem(STORED, language);
  document.documentElement.lang = language;
  void i18n.changeLanguage(language);
}

/** Takes the account's language, unless this browser has a choice of its own. */
export function adoptLanguage(language: string): void {
  if (localStorage.getItem(STORED) === null && language === 'en') changeLanguage('en');
}

/** The words, and the language for dates and numbers. */
export function useWords() {
  const { t, i18n: current } = useTranslation();
  const language: Language = current.language === 'en' ? 'en' : 'vi';
  return { t, language };
}

document.documentElement.lang = storedLanguage();
