/** The pages about coverage; the chosen unit goes along from one to the other. */
import { useWords } from '~/i18n';
import { Section, Sections } from '~/ui/sections';
import { useMay } from './rights';

export function CoverageSections({ unit }: { unit: number | undefined }) {
  const { t } = useWords();
  const mayImport = useMay('keepRegister');
  const search = { unit };
  const options = { includeSearch: false };
  return (
    <Sections label={t('coverage.title')}>
      <Section to="/coverage" search={search} activeOptions={{ exact: true, includeSearch: false }}>
        {t('coverage.sections.overview')}
      </Section>
      <Section to="/coverage/pcs" search={search} activeOptions={options}>
        {t('coverage.sections.pcs')}
      </Section>
      <Section to="/coverage/exceptions" search={search} activeOptions={options}>
        {t('coverage.sections.exceptions')}
      </Section>
      <Section to="/coverage/unmanaged" search={search} activeOptions={options}>
        {t('coverage.sections.unmanaged')}
      </Section>
      <Section to="/coverage/report" search={search} activeOptions={options}>
        {t('coverage.sections.report')}
      </Section>
      {mayImport && (
        <Section to="/coverage/import" activeOptions={options}>
          {t('coverage.sections.import')}
        </Section>
      )}
    </Sections>
  );
}
