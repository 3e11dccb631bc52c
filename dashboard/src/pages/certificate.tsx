/**
 * The certificate of coverage: what a unit can put before others, on paper.
 *
 * Everything on it is of one moment and one answer, and says how it was counted. On paper the frame of the
 * dashboard is gone and the page is black on white in either scheme (`certificate.module.css`).
 */
import { Button, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { certificateQuery } from '~/api/coverage-queries';
import type { Certificate, CertificateFilters } from '~/api/types';
import { CertificatePaper } from '~/components/certificate-paper';
import { DaysChoice } from '~/components/days-choice';
import { UnitChoice } from '~/components/unit-choice';
import { useWords } from '~/i18n';
import { Filters } from '~/ui/filters';
import { IconPrinter } from '~/ui/icons';
import { TextLink } from '~/ui/link';
import { Page } from '~/ui/page';
import { Panel } from '~/ui/panel';
import { Failed, Loading } from '~/ui/states';
import classes from './certificate.module.css';
import { certificateFilters, type CertificateSearch } from './coverage.search';

const route = getRouteApi('/signed-in/shell/coverage/certificate');

export function CertificatePage() {
  const { t } = useWords();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const change = (part: CertificateSearch) =>
    void navigate({ search: (former) => ({ ...former, ...part }), replace: true });
  const asked = certificateFilters(search);
  return (
    <div className={classes.page}>
      <Page
        title={t('certificate.title')}
        above={
          <TextLink to="/coverage" search={{ unit: search.unit, days: search.days }} fz="sm">
            {t('coverage.title')}
          </TextLink>
        }
        actions={
          asked !== undefined && (
            <Button leftSection={<IconPrinter size={16} aria-hidden />} onClick={() => globalThis.print()}>
              {t('certificate.print')}
            </Button>
          )
        }
      >
        <Filters active={false} onClear={() => {}}>
          <UnitChoice
            value={search.unit}
            anyLabel={t('certificate.choose')}
            width={320}
            onChange={(unit) => change({ unit })}
          />
          <DaysChoice value={search.days} onChange={(days) => change({ days })} />
        </Filters>
        {asked === undefined ? (
          <Panel>
            <Text>{t('certificate.chooseNote')}</Text>
          </Panel>
        ) : (
          <Loaded asked={asked} />
        )}
      </Page>
    </div>
  );
}

function Loaded({ asked }: { asked: CertificateFilters }) {
  const { data, error, refetch } = useQuery(certificateQuery(asked));
  if (data !== undefined) return <Sheet certificate={data} />;
  return (
    <Panel>{error === null ? <Loading lines={12} /> : <Failed error={error} onRetry={() => void refetch()} />}</Panel>
  );
}

function Sheet({ certificate }: { certificate: Certificate }) {
  return (
    <div className={classes.sheet}>
      <CertificatePaper certificate={certificate} />
    </div>
  );
}
