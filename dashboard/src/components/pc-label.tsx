/** What a PC is called: by its name, or by the office's number for it while it has none. */
import { useWords } from '~/i18n';
import { Hostile } from '~/ui/hostile';

interface Named {
  readonly name: string;
  readonly asset_number?: string | null;
}

export function PcLabel({ pc: { name, asset_number: number } }: { pc: Named }) {
  const { t } = useWords();
  const called = name !== '' ? name : (number ?? '');
  return called === '' ? <>{t('pcs.noName')}</> : <Hostile text={called} />;
}
