/** A list as a file for spreadsheets. The browser fetches it; what it holds is written down by the collector. */
import { Button } from '@mantine/core';
import { useWords } from '~/i18n';
import { IconDownload } from './icons';

/** `href` is an address of the collector, never text from a PC. */
export function CsvLink({ href }: { href: string }) {
  const { t } = useWords();
  return (
    <Button component="a" href={href} download variant="default" leftSection={<IconDownload size={16} aria-hidden />}>
      {t('coverage.csv')}
    </Button>
  );
}
