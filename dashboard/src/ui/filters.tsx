/** Filters of a list. What they say lives in the URL; the search field waits until typing pauses. */
import { Button, Group, Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { type ReactNode, useState } from 'react';
import { useWords } from '~/i18n';
import { IconSearch, IconX } from './icons';

/** Between two keystrokes of a word the server need not be asked. */
const PAUSE_MS = 300;

interface SearchFieldProps {
  readonly label: string;
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
}

export function SearchField({ label, value, onChange }: SearchFieldProps) {
  const [typed, setTyped] = useState(value ?? '');
  const [seen, setSeen] = useState(value);
  // The URL changed by other means (back, a link, "clear filters"): the field follows.
  if (seen !== value) {
    setSeen(value);
    if ((value ?? '') !== typed.trim()) setTyped(value ?? '');
  }
  const report = useDebouncedCallback(
    (text: string) => onChange(text.trim() === '' ? undefined : text.trim()),
    PAUSE_MS,
  );
  return (
    <TextInput
      aria-label={label}
      placeholder={label}
      data-search
      type="search"
      w={{ base: '100%', sm: 280 }}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        report(event.currentTarget.value);
      }}
    />
  );
}

interface ChoiceProps<Value extends string> {
  readonly label: string;
  readonly value: Value | undefined;
  readonly options: readonly { value: Value; label: string }[];
  /** What choosing nothing is called. */
  readonly anyLabel?: string;
  readonly width?: number;
  readonly onChange: (value: Value | undefined) => void;
}

export function Choice<Value extends string>({
  label,
  value,
  options,
  anyLabel,
  width = 170,
  onChange,
}: ChoiceProps<Value>) {
  const { t } = useWords();
  const any = anyLabel ?? t('common.all');
  return (
    <Select
      aria-label={label}
      w={width}
      data={[{ value: '', label: `${label}: ${any}` }, ...options]}
      value={value ?? ''}
      onChange={(chosen) => onChange(chosen === null || chosen === '' ? undefined : (chosen as Value))}
      searchable={options.length > 12}
      nothingFoundMessage={t('common.none')}
    />
  );
}

interface FiltersProps {
  readonly active: boolean;
  readonly onClear: () => void;
  readonly children: ReactNode;
}

export function Filters({ active, onClear, children }: FiltersProps) {
  const { t } = useWords();
  return (
    <Group gap="xs" component="search">
      {children}
      {active && (
        <Button variant="subtle" leftSection={<IconX size={14} />} onClick={onClear}>
          {t('common.clearFilters')}
        </Button>
      )}
    </Group>
  );
}
