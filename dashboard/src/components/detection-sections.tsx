/** The pages about bad files side by side: what was found, and, for those who keep them, the lists of hashes. */
import { useWords } from '~/i18n';
import { Section, Sections } from '~/ui/sections';
import { useMay } from './rights';

export function DetectionSections() {
  const { t } = useWords();
  if (!useMay('keepHashes')) return null;
  return (
    <Sections label={t('nav.detections')}>
      <Section to="/detections" activeOptions={{ exact: true, includeSearch: false }}>
        {t('hashes.sections.detections')}
      </Section>
      <Section to="/detections/hashes" activeOptions={{ includeSearch: false }}>
        {t('hashes.sections.hashes')}
      </Section>
    </Sections>
  );
}
