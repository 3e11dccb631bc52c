/** Antivirus on one PC in plain words: every product with its state, and why it does not protect if it does not. */
import { Text } from '@mantine/core';
import type { AntivirusProduct, HostDetail } from '~/api/types';
import { useNow } from '~/hooks/use-now';
import { useWords } from '~/i18n';
import { useCodes } from '~/i18n/codes';
import { Facts, type Fact } from '~/ui/facts';
import { Hostile } from '~/ui/hostile';
import { Panel } from '~/ui/panel';
import { Time } from '~/ui/time';
import { ToneText } from '~/ui/tone';
import { formatDate, formatDateTime, formatNumber } from '~/util/format';
import { ProtectionText } from './badges';
import { DefinitionsAge } from './definitions-age';
import { RawData } from './raw-data';
import { switchTone } from './tones';
import classes from './host-antivirus.module.css';

export function HostAntivirus({ host }: { host: HostDetail }) {
  const { t } = useWords();
  const report = host.antivirus ?? null;
  return (
    <Panel title={t('host.protection')} aside={<ProtectionText host={host} />}>
      {report === null ? (
        <Text c="dimmed">{t('host.noReport')}</Text>
      ) : (
        <>
          {report.products.length === 0 && <Text>{t('host.noProduct')}</Text>}
          {report.products.map((product) => (
            <Product
              key={`${product.vendor} ${product.product} ${product.version}`}
              product={product}
              alone={report.products.length === 1}
            />
          ))}
          <Text c="dimmed" fz="sm" mt="sm">
            {t('host.asOf', { time: formatDateTime(report.at_ms) })}
          </Text>
        </>
      )}
    </Panel>
  );
}

interface ProductProps {
  readonly product: AntivirusProduct;
  /** Whether it is the only one: then nobody asks which of them protects. */
  readonly alone: boolean;
}

function Product({ product, alone }: ProductProps) {
  const { t } = useWords();
  return (
    <section className={classes.product}>
      <strong>
        <Hostile text={product.product} />{' '}
        <Text span inherit c="dimmed" fw={400}>
          <Hostile text={[product.vendor, product.version].filter((part) => part !== '').join(' · ')} />
        </Text>
      </strong>
      {product.health === 'installed_only' ? <InstalledOnly /> : <ProductFacts product={product} alone={alone} />}
      {product.raw.length > 0 && (
        <details className={classes.raw}>
          <summary>{t('common.raw')}</summary>
          <RawData value={product.raw} />
        </details>
      )}
    </section>
  );
}

/** Its presence is all that is known: a table of unknowns would say no more. */
function InstalledOnly() {
  const { t } = useWords();
  const { word } = useCodes();
  return (
    <>
      <ToneText tone="unknown">{word('health', 'installed_only')}</ToneText>
      <Text c="dimmed" fz="sm">
        {t('product.installedOnlyNote')}
      </Text>
    </>
  );
}

function ProductFacts({ product, alone }: ProductProps) {
  const { t } = useWords();
  const { word } = useCodes();
  const facts: Fact[] = [
    [t('host.engine'), <Engine key="engine" product={product} />],
    [t('host.realTime'), <SwitchText key="realTime" value={product.real_time} />],
    [t('host.updater'), <SwitchText key="updater" value={product.updater} />],
    [t('host.definitions'), <Definitions key="definitions" product={product} />],
    [t('product.definitionsUpdated'), <Moment key="updated" ms={product.definitions_updated_ms} />],
    [t('product.quickScan'), <Moment key="quick" ms={product.quick_scan_ms} never={t('product.scanUnknown')} />],
    [t('product.fullScan'), <Moment key="full" ms={product.full_scan_ms} never={t('product.scanUnknown')} />],
    [t('product.tamper'), <SwitchText key="tamper" value={product.tamper_protection} />],
    [t('product.exclusions'), <Exclusions key="exclusions" product={product} />],
  ];
  if (!alone || product.mode === 'passive')
    facts.splice(1, 0, [t('product.mode'), word('antivirusMode', product.mode)]);
  if (product.engine_version !== '' && product.engine_version !== product.version) {
    facts.push([t('product.engineVersion'), <Hostile key="version" text={product.engine_version} />]);
  }
  if (typeof product.licence_expires_ms === 'number') {
    facts.push([t('product.licence'), <Licence key="licence" endsMs={product.licence_expires_ms} />]);
  }
  return <Facts facts={facts} />;
}

/** Off is one word; why it is off decides what is to be done. */
function Engine({ product: { engine, engine_reason: reason } }: { product: AntivirusProduct }) {
  const { word } = useCodes();
  return (
    <>
      <SwitchText value={engine} />
      {reason !== '' && <div className={classes.note}>{word('engineReason', reason)}</div>}
    </>
  );
}

function SwitchText({ value }: { value: string }) {
  const { word } = useCodes();
  return <ToneText tone={switchTone(value)}>{word('switch', value)}</ToneText>;
}

function Definitions({ product }: { product: AntivirusProduct }) {
  const { word } = useCodes();
  const { definitions_version: version, definitions_built_ms: built, definitions_freshness: freshness } = product;
  const age =
    typeof built === 'number' ? (
      <>
        <DefinitionsAge builtMs={built} /> <span className={classes.note}>{formatDateTime(built)}</span>
      </>
    ) : (
      <ToneText tone={freshness === 'fresh' ? 'good' : freshness === 'stale' ? 'high' : 'unknown'}>
        {word('freshness', freshness)}
      </ToneText>
    );
  return (
    <>
      {age}
      {version !== '' && (
        <div className={classes.note}>
          <Hostile text={version} />
        </div>
      )}
    </>
  );
}

function Moment({ ms, never }: { ms: number | null | undefined; never?: string }) {
  const { t } = useWords();
  if (typeof ms !== 'number') return <span className={classes.note}>{never ?? t('common.unknown')}</span>;
  return <Time ms={ms} />;
}

function Licence({ endsMs }: { endsMs: number }) {
  const { t } = useWords();
  const now = useNow();
  if (endsMs > now) return <>{formatDate(endsMs)}</>;
  return (
    <ToneText tone="high">
      {formatDate(endsMs)}: {t('product.licenceOver')}
    </ToneText>
  );
}

/** Products whose exclusions the agent reads: of any other an empty list says that nobody looked. */
const EXCLUSIONS_READ: ReadonlySet<string> = new Set(['ClamAV']);

function areExclusionsRead({ product, engine_reason: reason }: AntivirusProduct): boolean {
  return EXCLUSIONS_READ.has(product) && reason !== 'configuration';
}

function Exclusions({ product }: { product: AntivirusProduct }) {
  const { t, language } = useWords();
  const { exclusions } = product;
  if (exclusions.length === 0) {
    if (areExclusionsRead(product)) return <>{t('product.exclusionsNone')}</>;
    return <span className={classes.note}>{t('product.exclusionsUnread')}</span>;
  }
  return (
    <details className={classes.raw}>
      <summary>
        {t('product.exclusionsCount', {
          count: exclusions.length,
          shown: formatNumber(exclusions.length, language),
        })}
      </summary>
      <ul className={classes.exclusions}>
        {exclusions.map((exclusion) => (
          <li key={exclusion}>
            <Hostile text={exclusion} mono />
          </li>
        ))}
      </ul>
    </details>
  );
}
