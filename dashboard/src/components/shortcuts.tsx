/** The keys that work everywhere. */
import { Group, Kbd, Stack, Text } from '@mantine/core';
import { useWords } from '~/i18n';

const KEYS = [
  { keys: ['j', 'k'], label: 'shortcuts.rows' },
  { keys: ['Enter'], label: 'shortcuts.open' },
  { keys: ['/'], label: 'shortcuts.search' },
  { keys: ['?'], label: 'shortcuts.help' },
] as const;

export function Shortcuts() {
  const { t } = useWords();
  return (
    <Stack gap="xs">
      {KEYS.map(({ keys, label }) => (
        <Group key={label} justify="space-between">
          <Text>{t(label)}</Text>
          <Group gap={4}>
            {keys.map((key) => (
              <Kbd key={key}>{key}</Kbd>
            ))}
          </Group>
        </Group>
      ))}
    </Stack>
  );
}
