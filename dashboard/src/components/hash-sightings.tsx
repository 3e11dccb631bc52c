/** On which PCs, and where, a content was seen. */
import { Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { sightingsQuery } from '~/api/file-queries';
import { useWords } from '~/i18n';
import { DataTable } from '~/ui/data-table';
import { SidePanel } from '~/ui/dialog';
import { FilePath, Hostile } from '~/ui/hostile';
import { TextLink } from '~/ui/link';
import { Failed, Loading } from '~/ui/states';
import { Time } from '~/ui/time';
import { formatNumber, ZONE_LABEL } from '~/util/format';
import classes from './hash-sightings.module.css';

interface HashSightingsProps {
  /** Which content is asked for, if any. */
  readonly sha256: string | undefined;
  readonly onClose: () => void;
}

export function HashSightings({ sha256, onClose }: HashSightingsProps) {
  const { t } = useWords();
  return (
    <SidePanel title={t('hashes.seen')} opened={sha256 !== undefined} onClose={onClose}>
      {sha256 !== undefined && <Seen sha256={sha256} />}
    </SidePanel>
  );
}

function Seen({ sha256 }: { sha256: string }) {
  const { t, language } = useWords();
  const { data, error, refetch } = useQuery(sightingsQuery(sha256));
  const columns = [
    { key: 'host', title: t('hashes.seenHost') },
    { key: 'path', title: t('hashes.seenPath') },
    { key: 'last', title: t('hashes.seenLast', { zone: ZONE_LABEL }), width: 180 },
  ];
  return (
    <>
      <Text mb="md" className={classes.hash}>
        <Hostile text={sha256} mono />
      </Text>
      {data === undefined ? (
        error === null ? (
          <Loading lines={4} />
        ) : (
          <Failed error={error} onRetry={() => void refetch()} />
        )
      ) : data.sightings.length === 0 ? (
        <Text c="dimmed">{t('hashes.seenNone')}</Text>
      ) : (
        <DataTable label={t('hashes.seen')} columns={columns} stacks>
          {data.sightings.map(({ host, unit, path, last_ms: lastMs }) => (
            <Table.Tr key={`${host.id} ${path.hex} ${path.text}`}>
              <Table.Td>
                <TextLink to="/hosts/$id" params={{ id: host.id }} search={{ tab: 'files', text: path.text }} inherit>
                  <Hostile text={host.name} />
                </TextLink>
                <Text fz="xs" c="dimmed">
                  {unit.name}
                </Text>
              </Table.Td>
              <Table.Td className={classes.hash}>
                <FilePath path={path.text} hex={path.hex} />
              </Table.Td>
              <Table.Td>
                <Time ms={lastMs} />
              </Table.Td>
            </Table.Tr>
          ))}
        </DataTable>
      )}
      {data?.more === true && (
        <Text fz="sm" c="dimmed" mt="sm">
          {t('hashes.seenMany', { shown: formatNumber(data.sightings.length, language) })}
        </Text>
      )}
    </>
  );
}
