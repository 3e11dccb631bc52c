/** Within how many days a PC must have been heard of to count as seen. */
import { useWords } from '~/i18n';
import { DAYS, DAYS_DEFAULT } from '~/pages/coverage.search';
import { Choice } from '~/ui/filters';

interface DaysChoiceProps {
  readonly value: number | undefined;
  readonly onChange: (days: number | undefined) => void;
}

export function DaysChoice({ value, onChange }: DaysChoiceProps) {
  const { t } = useWords();
  const offered = DAYS.filter((days) => days !== DAYS_DEFAULT).map(Number);
  const days = value === undefined || value === DAYS_DEFAULT || offered.includes(value) ? offered : [value, ...offered];
  return (
    <Choice
      label={t('coverage.seenWithin')}
      anyLabel={t('coverage.daysChoice', { count: DAYS_DEFAULT })}
      value={value === undefined || value === DAYS_DEFAULT ? undefined : String(value)}
      width={250}
      options={days.map((count) => ({ value: String(count), label: t('coverage.daysChoice', { count }) }))}
      onChange={(chosen) => onChange(chosen === undefined ? undefined : Number(chosen))}
    />
  );
}
