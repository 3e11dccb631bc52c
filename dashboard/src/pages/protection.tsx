/** Protection of the whole fleet: units by state, products, and how old their definitions are. */
import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { matrixQuery, productsQuery } from '~/api/coverage-queries';
import type { ProtectionCounts, ProtectionProducts } from '~/api/types';
import { ProtectionSections } from '~/components/protection-sections';
import { PROTECTION_TONE } from '~/components/tones';
import { UnitChoice } from '~/components/unit-choice';
import { UnitOrders } from '~/components/unit-orders';
import { type UnitColumn, UnitTable } from '~/components/unit-table';
import { useWords } from '~/i18n';
import { Count } from '~/ui/count';
import { Filters } from '~/ui/filters';
import { Hostile } from '~/ui/hostile';
import { IconShieldCheck } from '~/ui/icons';
import { TextLink } from '~/ui/link';
import { Page } from '~/ui/page';
import type { Tone } from '~/ui/palette';
import { Panel } from '~/ui/panel';
import { type Ranked, RankedBars } from '~/ui/ranked';
import { Empty, Failed, Loading } from '~/ui/states';
import { formatNumber, formatShare } from '~/util/format';
import { grouped, type Product } from '~/util/products';
import type { Node } from '~/util/unit-tree';
import classes from './protection.module.css';
import { PROTECTIONS } from './hosts.search';

const route = getRouteApi('/signed-in/shell/protection');

export function ProtectionPage() {
  const { t } = useWords();
  const { unit } = route.useSearch();
  const navigate = route.useNavigate();
  const choose = (chosen: number | undefined) => void navigate({ search: { unit: chosen }, replace: true });
  return (
    <Page title={t('protectionPage.title')} actions={unit !== undefined && <UnitOrders unit={unit} />}>
      <ProtectionSections unit={unit} />
      <Filters active={unit !== undefined} onClear={() => choose(undefined)}>
        <UnitChoice value={unit} onChange={choose} />
      </Filters>
      <Matrix unit={unit} />
      <Products unit={unit} />
    </Page>
  );
}

interface Row extends Node {
  readonly counts: ProtectionCounts;
}

function Matrix({ unit }: { unit: number | undefined }) {
  const { t } = useWords();
  const { data, error, refetch } = useQuery(matrixQuery(unit));
  const columns = useMatrixColumns();
  return (
    <Panel title={t('protectionPage.matrix')} flush>
      <Text c="dimmed" fz="sm" px="md" pt="xs">
        {t('protectionPage.matrixNote')}
      </Text>
      {data === undefined ? (
        error === null ? (
          <Loading lines={8} />
        ) : (
          <Failed error={error} onRetry={() => void refetch()} />
        )
      ) : data.units.length === 0 ? (
        <Empty icon={<IconShieldCheck size={28} />} title={t('protectionPage.noUnits')} />
      ) : (
        <UnitTable
          label={t('protectionPage.matrix')}
          units={data.units.map(({ unit: { id, name }, parent_id, total }): Row => ({
            id,
            name,
            parent_id,
            counts: total,
          }))}
          columns={columns}
          renderName={({ id, name }) => (
            <TextLink to="/protection" search={{ unit: id }} data-row="" inherit>
              {name}
            </TextLink>
          )}
        />
      )}
    </Panel>
  );
}

const all = (counts: ProtectionCounts) => PROTECTIONS.reduce((sum, state) => sum + counts[state], 0);

function useMatrixColumns(): UnitColumn<Row>[] {
  const { t, language } = useWords();
  return [
    {
      key: 'total',
      title: t('protectionPage.total'),
      renderCell: ({ id, counts }) => <Count to="/protection/pcs" search={{ unit: id }} count={all(counts)} />,
    },
    ...PROTECTIONS.map((state): UnitColumn<Row> => ({
      key: state,
      title: t(`protection.${state}`),
      renderCell: ({ id, counts }) => (
        <Count
          to="/protection/pcs"
          search={{ unit: id, protection: state }}
          count={counts[state]}
          tone={state === 'protected' ? undefined : PROTECTION_TONE[state]}
        />
      ),
    })),
    {
      key: 'share',
      title: t('protectionPage.share'),
      renderCell: ({ counts }) => formatShare(counts.protected, all(counts), language) ?? '–',
    },
  ];
}

function Products({ unit }: { unit: number | undefined }) {
  const { t } = useWords();
  const { data, error, refetch } = useQuery(productsQuery(unit));
  if (data === undefined) {
    return (
      <Panel title={t('protectionPage.products')}>
        {error === null ? <Loading lines={5} /> : <Failed error={error} onRetry={() => void refetch()} />}
      </Panel>
    );
  }
  const products = grouped(data.products);
  return (
    <div className={classes.columns}>
      <Panel title={t('protectionPage.products')}>
        {products.length === 0 ? (
          <Text c="dimmed">{t('protectionPage.noProducts')}</Text>
        ) : (
          <ProductBars products={products} unit={unit} />
        )}
      </Panel>
      <Panel title={t('definitionsAge.label')}>
        <Text c="dimmed" fz="sm" mb="sm">
          {t('protectionPage.agesNote')}
        </Text>
        <Ages ages={data.definitions} unit={unit} />
      </Panel>
    </div>
  );
}

function ProductBars({ products, unit }: { products: readonly Product[]; unit: number | undefined }) {
  const { t, language } = useWords();
  const bars = products.map((product): Ranked => ({
    key: product.name,
    name: <ProductName product={product} unit={unit} />,
    count: product.hosts,
    said: t('protectionPage.pcs', { count: product.hosts, shown: formatNumber(product.hosts, language) }),
    // Whether they have none or have not said so is not known here.
    tone: product.name === '' ? 'unknown' : undefined,
  }));
  return <RankedBars label={t('protectionPage.products')} bars={bars} />;
}

/** As many versions as fit in a line or two; the list of PCs has the rest. */
const VERSIONS_SHOWN = 4;

function ProductName({ product, unit }: { product: Product; unit: number | undefined }) {
  const { t, language } = useWords();
  if (product.name === '') return <>{t('protectionPage.productNone')}</>;
  const hidden = product.versions.length - VERSIONS_SHOWN;
  return (
    <>
      <TextLink to="/protection/pcs" search={{ unit, product: product.name }} inherit>
        <Hostile text={product.name} />
      </TextLink>
      <div className={classes.versions}>
        {product.versions.slice(0, VERSIONS_SHOWN).map(({ version, hosts }) => (
          <span key={version}>
            {version === '' ? t('protectionPage.versionUnknown') : <Hostile text={version} />}:{' '}
            {formatNumber(hosts, language)}
          </span>
        ))}
        {hidden > 0 && (
          <span>+ {t('protectionPage.versions', { count: hidden, shown: formatNumber(hidden, language) })}</span>
        )}
      </div>
    </>
  );
}

const bar = (key: string, name: Ranked['name'], count: number, tone: Tone): Ranked => ({ key, name, count, tone });

/** Up to a week-end's age is fine, a week's is not, and beyond 15 days a PC is outdated. */
function Ages({ ages, unit }: { ages: ProtectionProducts['definitions']; unit: number | undefined }) {
  const { t } = useWords();
  const days = (count: number) => t('definitionsAge.days', { count });
  const bars = [
    bar('0', t('definitionsAge.today'), ages.days_0, 'good'),
    bar('1', days(1), ages.days_1, 'good'),
    bar('2', days(2), ages.days_2, 'good'),
    bar('3', days(3), ages.days_3, 'medium'),
    bar('4', t('definitionsAge.range', { from: 4, to: 7 }), ages.days_4_to_7, 'medium'),
    bar('8', t('definitionsAge.range', { from: 8, to: 15 }), ages.days_8_to_15, 'high'),
    bar(
      'over',
      <TextLink to="/protection/pcs" search={{ unit, older: 15 }} inherit>
        {t('definitionsAge.over', { days: 15 })}
      </TextLink>,
      ages.days_over_15,
      'critical',
    ),
    bar('unknown', t('definitionsAge.unknown'), ages.unknown, 'unknown'),
  ];
  return <RankedBars label={t('definitionsAge.label')} bars={bars} />;
}
