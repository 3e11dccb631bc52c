/**
 * Mantine, set to the dashboard's palette and to a calm, dense page.
 *
 * Fonts are the system's own: nothing is fetched from elsewhere, and Windows, Linux and macOS all
 * bring Vietnamese letters.
 */
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';
import { DARK, LIGHT, variables } from './palette';

/** Shades 6 and 7 carry white text at more than 4.5 : 1. */
const PETROL: MantineColorsTuple = [
  '#e8f6f8',
  '#d3eaee',
  '#a6d5dc',
  '#75bec9',
  '#4da9b7',
  '#2a8a9a',
  '#0f6f7e',
  '#0c5c69',
  '#0a4a55',
  '#063740',
];

/** Dark surfaces with a trace of blue; 0 is text, 6 a surface, 7 the page. */
const NIGHT: MantineColorsTuple = [
  '#dbe4e9',
  '#b4c2ca',
  '#9fb0ba',
  '#6b7d88',
  '#2b3840',
  '#222d34',
  '#182127',
  '#10171b',
  '#0b1114',
  '#070b0d',
];

export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: { light: 6, dark: 6 },
  colors: { petrol: PETROL, dark: NIGHT },
  fontFamily: 'system-ui, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace:
    '"Cascadia Mono", Consolas, "SF Mono", Menlo, "Noto Sans Mono", "Liberation Mono", "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.375rem', lineHeight: '1.3' },
      h2: { fontSize: '1rem', lineHeight: '1.4' },
      h3: { fontSize: '0.875rem', lineHeight: '1.4' },
    },
  },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: 'sm' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Select: {
      defaultProps: {
        size: 'sm',
        allowDeselect: false,
        checkIconPosition: 'right',
        comboboxProps: { withinPortal: false },
      },
    },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true, multiline: true, maw: 420 } },
  },
});

/** Hands the palette to CSS. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: variables(LIGHT),
  dark: variables(DARK),
});
