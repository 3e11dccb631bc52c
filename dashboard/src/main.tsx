/** Starts the dashboard: words, theme, data, routes. */
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './ui/tones.css';
import './ui/global.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { I18nextProvider } from 'react-i18next';
import { createQueries } from './api/queries';
import { i18n } from './i18n';
import { createAppRouter } from './router';
import { cssVariables, theme } from './ui/theme';

const queries = createQueries((why) => {
  const { pathname, href } = router.state.location;
  if (why === 'password') void router.navigate({ to: '/first-password' });
  else if (pathname !== '/sign-in') void router.navigate({ to: '/sign-in', search: { next: href, expired: true } });
});
const router = createAppRouter(queries);

const root = document.querySelector('#root');
if (root === null) throw new Error('the page has no root element');

createRoot(root).render(
  <StrictMode>
    <I18nextProvider i18n={i18n}>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
        <Notifications position="bottom-right" />
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </I18nextProvider>
  </StrictMode>,
);
