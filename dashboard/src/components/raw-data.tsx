/** Data as the collector has it, for whoever wants to check or to paste it elsewhere. */
import { Button, CopyButton } from '@mantine/core';
import { useWords } from '~/i18n';
import { IconCheck, IconCopy } from '~/ui/icons';
import { segments } from '~/util/hostile';
import classes from './raw-data.module.css';

/** What is copied is the data itself; what is shown has its invisible characters escaped. */
export function RawData({ value }: { value: unknown }) {
  const { t } = useWords();
  const text = JSON.stringify(value, null, 2);
  return (
    <div className={classes.raw}>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button
            variant="default"
            size="compact-sm"
            leftSection={copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
            onClick={copy}
          >
            {copied ? t('common.copied') : t('common.copy')}
          </Button>
        )}
      </CopyButton>
      <pre className={classes.text}>{text.split('\n').map(escapeLine).join('\n')}</pre>
    </div>
  );
}

/** Indentation is ours; everything else on the line may be the PC's. */
function escapeLine(line: string): string {
  const indent = line.length - line.trimStart().length;
  const rest = segments(line.slice(indent))
    .map((segment) => segment.text)
    .join('');
  return line.slice(0, indent) + rest;
}
