/** The pages about protection; the chosen unit goes along from one to the other. */
import { useWords } from '~/i18n';
import { Section, Sections } from '~/ui/sections';

export function ProtectionSections({ unit }: { unit: number | undefined }) {
  const { t } = useWords();
  return (
    <Sections label={t('protectionPage.title')}>
      <Section to="/protection" search={{ unit }} activeOptions={{ exact: true, includeSearch: false }}>
        {t('protectionPage.sections.overview')}
      </Section>
      <Section to="/protection/pcs" search={{ unit }} activeOptions={{ includeSearch: false }}>
        {t('protectionPage.sections.pcs')}
      </Section>
    </Sections>
  );
}
