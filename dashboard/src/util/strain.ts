/** How much of a PC the agent used, in the unit that a budget has. */
import { formatBytes, formatNumber, type Language } from './format';

/** `61 %` of a core, `70,1 MB`, `12,0 MB/s`; of a budget that is not known, the bare number. */
export function amountOf(budget: string, value: number, language: Language): string {
  switch (budget) {
    case 'cpu': {
      // Thousandths of a core.
      const percent = formatNumber(value / 10, language, value % 10 === 0 || value >= 100 ? 0 : 1);
      return language === 'vi' ? `${percent}\u00A0%` : `${percent}%`;
    }
    case 'memory':
    case 'spool':
      return formatBytes(value, language);
    case 'disk':
      return language === 'vi' ? `${formatBytes(value, language)}/giây` : `${formatBytes(value, language)}/s`;
    default:
      return formatNumber(value, language);
  }
}
