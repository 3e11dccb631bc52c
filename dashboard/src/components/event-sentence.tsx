/** One event in one line. Files are told from their own fields, so that the path stays marked as hostile. */
import type { EventRow } from '~/api/types';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { FilePath } from '~/ui/hostile';
import { amountOf } from '~/util/strain';
import { phraseOf } from './event-phrase';

export function EventSentence({ event }: { event: EventRow }) {
  const { sentence, word } = useCodes();
  const { file, kind, detail } = event;
  if (kind === 'strain' && detail != null) return <StrainSentence detail={detail} />;
  if (file == null) return <>{sentence(phraseOf(event))}</>;
  return (
    <>
      {word('fileAction', file.action)}:{' '}
      {file.old_path != null && (
        <>
          <FilePath path={file.old_path.text} hex={file.old_path.hex} /> →{' '}
        </>
      )}
      <FilePath path={file.path.text} hex={file.path.hex} />
    </>
  );
}

/** Each budget has a unit of its own. */
function StrainSentence({ detail }: { detail: Readonly<Record<string, unknown>> }) {
  const { t, language } = useWords();
  const { word } = useCodes();
  const budget = String(detail['budget']);
  const line = t('strain.line', {
    budget: word('strainBudget', budget),
    measured: amountOf(budget, Number(detail['measured']), language),
    limit: amountOf(budget, Number(detail['limit']), language),
  });
  return <>{detail['over'] === true ? t('strain.saidOver', { line }) : t('strain.said', { line })}</>;
}
