/** That the agent of a PC slows itself down, and what it used of what it may. */
import type { StrainReport } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { formatDateTime } from '~/util/format';
import { amountOf } from '~/util/strain';
import classes from './host-strain.module.css';

export function HostStrain({ strain }: { strain: readonly StrainReport[] }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  if (strain.length === 0) return null;
  const lines = strain.map(({ budget, measured, limit }) =>
    t('strain.line', {
      budget: word('strainBudget', budget),
      measured: amountOf(budget, measured, language),
      limit: amountOf(budget, limit, language),
    }),
  );
  const since = Math.min(...strain.map(({ since_ms }) => since_ms));
  return (
    <section className={classes.notice} data-tone="medium" aria-label={t('strain.title')}>
      <strong>
        {t('strain.title')}: {lines.join('; ')}
      </strong>
      <div>{t('strain.note', { since: formatDateTime(since) })}</div>
    </section>
  );
}
