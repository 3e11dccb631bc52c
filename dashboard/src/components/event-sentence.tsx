/** One event in one line. Files are told from their own fields, so that the path stays marked as hostile. */
import type { EventRow } from '~/api/types';
import { useCodes } from '~/i18n/codes';
import { FilePath } from '~/ui/hostile';
import { phraseOf } from './event-phrase';

export function EventSentence({ event }: { event: EventRow }) {
  const { sentence, word } = useCodes();
  const { file } = event;
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
