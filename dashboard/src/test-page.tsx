/** Renders a component as a page would: words, theme and data around it. For tests only. */
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import type { ReactElement } from 'react';
import { I18nextProvider } from 'react-i18next';
import { createQueries } from './api/queries';
import { i18n } from './i18n';
import { cssVariables, theme } from './ui/theme';

export function show(element: ReactElement, queries = createQueries()) {
  return render(
    <I18nextProvider i18n={i18n}>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} env="test">
        <QueryClientProvider client={queries}>{element}</QueryClientProvider>
      </MantineProvider>
    </I18nextProvider>,
  );
}
