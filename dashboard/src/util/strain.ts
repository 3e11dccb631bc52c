/** How much of a PC the agent used, in the unit that a budget has. */
import { formatNumber, type Language } from './format';

/** `61 %` of a core, `70 MiB`, `12 MiB/s` as policies have them; of a budget that is not known, the bare number. */
export function amountOf(budget: string, value: number, language: Language): string {
  switch (budget) {
    case 'cpu': {
      // Thousandths of a core.
      const percent = formatNumber(value / 10, language, value % 10 === 0 || value >= 100 ? 0 : 1);
      return language === 'vi' ? `${percent}\u00A0%` : `${percent}%`;
    }
    case 'memory':
    case 'spool':
      return mebibytes(value, language);
    case 'disk':
      return language === 'vi' ? `${mebibytes(value, language)}/giây` : `${mebibytes(value, language)}/s`;
    default:
      return formatNumber(value, language);
  }
}

function mebibytes(bytes: number, language: Language): string {
  return `${formatNumber(Math.round(bytes / 2 ** 20), language)}\u00A0MiB`;
}
