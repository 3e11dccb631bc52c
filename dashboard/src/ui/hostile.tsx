/** Text from a watched PC: shown as text only, with what is invisible made visible. */
import { Tooltip, VisuallyHidden } from '@mantine/core';
import { useWords } from '~/i18n';
import { isDecomposed, segments } from '~/util/hostile';
import classes from './hostile.module.css';

interface HostileProps {
  readonly text: string;
  /** In the monospace face, for paths, commands and addresses. */
  readonly mono?: boolean;
}

/** The text, and a mark behind it when its accents stand apart from their letters. */
export function Hostile({ text, mono = false }: HostileProps) {
  const { t } = useWords();
  if (!isDecomposed(text)) return <Segments text={text} mono={mono} />;
  return (
    <>
      <Segments text={text} mono={mono} />{' '}
      <Tooltip label={t('file.decomposedNote')} multiline maw={320}>
        <span className={classes.bytes}>{t('file.decomposed')}</span>
      </Tooltip>
    </>
  );
}

/** `<bdi>` keeps right-to-left letters from rearranging the line around them. */
function Segments({ text, mono }: Required<HostileProps>) {
  const parts = segments(text);
  return (
    <bdi className={mono ? classes.mono : classes.text}>
      {parts.map((part, index) =>
        part.escaped ? (
          // The order of segments is their identity: the same text always splits alike.
          // oxlint-disable-next-line react/no-array-index-key
          <span key={index} className={classes.escaped}>
            {part.text}
          </span>
        ) : (
          part.text
        ),
      )}
    </bdi>
  );
}

interface FilePathProps {
  readonly path: string;
  /** The exact bytes, present only when the path is not valid UTF-8. */
  readonly hex?: string | null | undefined;
}

/**
 * A path as the PC has it; one that is not UTF-8 also tells its bytes. In the page's own face: the
 * monospace ones of most systems set Vietnamese accents beside their letters.
 */
export function FilePath({ path, hex }: FilePathProps) {
  const { t } = useWords();
  if (hex === null || hex === undefined || hex === '') return <Hostile text={path} />;
  return (
    <>
      <Hostile text={path} />{' '}
      <Tooltip label={t('file.notUtf8', { hex })}>
        <span className={classes.bytes}>
          {t('file.bytes')} <VisuallyHidden>{hex}</VisuallyHidden>
        </span>
      </Tooltip>
    </>
  );
}
