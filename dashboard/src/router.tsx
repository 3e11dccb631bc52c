/**
 * Every address of the dashboard. The URL is the state: filters, tabs and the open event are in it, so
 * that a link shows a colleague exactly what one sees. Loaders fetch, pages only read.
 *
 * The pages of every shift come at once; those about protection and coverage when they are first opened.
 */
import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  type RouterHistory,
} from '@tanstack/react-router';
import { ApiError } from './api/client';
import {
  alertQuery,
  alertsCountQuery,
  alertsQuery,
  eventsQuery,
  hostQuery,
  hostsCountQuery,
  hostsQuery,
  ledgerQuery,
  meQuery,
  overviewQuery,
  unitsQuery,
} from './api/queries';
import {
  coverageQuery,
  detectionsCountQuery,
  detectionsQuery,
  exceptionsCountQuery,
  exceptionsQuery,
  historyQuery,
  machinesCountQuery,
  machinesQuery,
  matrixQuery,
  pcsCountQuery,
  pcsQuery,
  productsQuery,
  reportQuery,
  threatsQuery,
} from './api/coverage-queries';
import { fileTimelineQuery, hashesCountQuery, hashesQuery } from './api/file-queries';
import { Shell } from './components/shell';
import { AlertPage } from './pages/alert';
import { AlertsPage } from './pages/alerts';
import { FirstPasswordPage } from './pages/first-password';
import { HostPage } from './pages/host';
import { HostsPage } from './pages/hosts';
import { OverviewPage } from './pages/overview';
import { FailedPage, MissingPage } from './pages/failed';
import { SignInPage } from './pages/sign-in';
import { alertFilters, alertSearch } from './pages/alerts.search';
import {
  certificateSearch,
  coverageFilters,
  coverageSearch,
  exceptionsSearch,
  historyFilters,
  machinesSearch,
  pcsSearch,
  reportFilters,
  reportSearch,
} from './pages/coverage.search';
import { detectionsFilters, detectionsSearch } from './pages/detections.search';
import { hashesFilters, hashesSearch } from './pages/hashes.search';
import { eventFilters, fileFilters, hostSearch } from './pages/host.search';
import { hostsSearch } from './pages/hosts.search';
import { protectionPcsFilters, protectionPcsSearch, protectionSearch } from './pages/protection.search';
import { adoptLanguage } from './i18n';
import { flag, text, whole } from './util/search';

const root = createRootRouteWithContext<{ queries: QueryClient }>()({
  component: Outlet,
  errorComponent: FailedPage,
  notFoundComponent: MissingPage,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignInPage,
  validateSearch: (search: Record<string, unknown>): { next?: string | undefined; expired?: true | undefined } => ({
    next: text(search, 'next'),
    expired: flag(search, 'expired'),
  }),
});

/** Whoever is not signed in goes to the sign-in page first and comes back afterwards. */
const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: async ({ context, location }) => {
    try {
      const me = await context.queries.ensureQueryData(meQuery());
      adoptLanguage(me.language);
      if (me.must_change_password && location.pathname !== '/first-password') throw redirect({ to: '/first-password' });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        throw redirect({ to: '/sign-in', search: { next: location.href === '/' ? undefined : location.href } });
      }
      throw error;
    }
  },
});

const firstPassword = createRoute({
  getParentRoute: () => signedIn,
  path: '/first-password',
  component: FirstPasswordPage,
});

const shell = createRoute({ getParentRoute: () => signedIn, id: 'shell', component: Shell });

const overview = createRoute({
  getParentRoute: () => shell,
  path: '/',
  component: OverviewPage,
  loader: ({ context }) => void context.queries.prefetchQuery(overviewQuery()),
});

const hosts = createRoute({
  getParentRoute: () => shell,
  path: '/hosts',
  component: HostsPage,
  validateSearch: hostsSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps: { sort, ...filters } }) => {
    void context.queries.prefetchInfiniteQuery(hostsQuery({ ...filters, sort }));
    void context.queries.prefetchQuery(hostsCountQuery(filters));
    void context.queries.prefetchQuery(unitsQuery());
  },
});

const host = createRoute({
  getParentRoute: () => shell,
  path: '/hosts/$id',
  component: HostPage,
  params: { parse: ({ id }) => ({ id: whole({ id }, 'id') ?? 0 }), stringify: ({ id }) => ({ id: String(id) }) },
  validateSearch: hostSearch,
  loaderDeps: ({ search: { tab, ...search } }) => ({ tab, filters: eventFilters(search), files: fileFilters(search) }),
  loader: ({ context, params, deps: { tab, filters, files } }) => {
    void context.queries.prefetchQuery(hostQuery(params.id));
    void context.queries.prefetchQuery(ledgerQuery(params.id));
    if (tab === undefined || tab === 'timeline')
      void context.queries.prefetchInfiniteQuery(eventsQuery(params.id, filters));
    if (tab === 'files') void context.queries.prefetchInfiniteQuery(fileTimelineQuery(params.id, files));
  },
});

const alerts = createRoute({
  getParentRoute: () => shell,
  path: '/alerts',
  component: AlertsPage,
  validateSearch: alertSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => {
    void context.queries.prefetchInfiniteQuery(alertsQuery(alertFilters(deps)));
    void context.queries.prefetchQuery(alertsCountQuery(alertFilters(deps)));
    void context.queries.prefetchQuery(unitsQuery());
  },
});

const alert = createRoute({
  getParentRoute: () => shell,
  path: '/alerts/$id',
  component: AlertPage,
  params: { parse: ({ id }) => ({ id: whole({ id }, 'id') ?? 0 }), stringify: ({ id }) => ({ id: String(id) }) },
  loader: ({ context, params }) => void context.queries.prefetchQuery(alertQuery(params.id)),
});

/*
 * The pages from here on are reached from tables of hundreds of numbers, and some of them name people, so that
 * looking is written down. Passing over a link asks nothing: only opening it does.
 */
const protection = createRoute({
  getParentRoute: () => shell,
  path: '/protection',
  component: lazyRouteComponent(() => import('./pages/protection'), 'ProtectionPage'),
  validateSearch: protectionSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps: { unit }, preload }) => {
    if (preload) return;
    void context.queries.prefetchQuery(matrixQuery(unit));
    void context.queries.prefetchQuery(productsQuery(unit));
  },
});

const protectionPcs = createRoute({
  getParentRoute: () => shell,
  path: '/protection/pcs',
  component: lazyRouteComponent(() => import('./pages/protection-pcs'), 'ProtectionPcsPage'),
  validateSearch: protectionPcsSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps, preload }) => {
    if (preload) return;
    void context.queries.prefetchInfiniteQuery(hostsQuery(protectionPcsFilters(deps)));
    void context.queries.prefetchQuery(hostsCountQuery(protectionPcsFilters(deps)));
  },
});

const detections = createRoute({
  getParentRoute: () => shell,
  path: '/detections',
  component: lazyRouteComponent(() => import('./pages/detections'), 'DetectionsPage'),
  validateSearch: detectionsSearch,
  // Which of them is open beside the list is no other question.
  loaderDeps: ({ search }) => detectionsFilters(search),
  loader: ({ context, deps, preload }) => {
    if (preload) return;
    void context.queries.prefetchInfiniteQuery(detectionsQuery(deps));
    void context.queries.prefetchQuery(detectionsCountQuery(deps));
    void context.queries.prefetchQuery(threatsQuery(deps));
  },
});

const hashes = createRoute({
  getParentRoute: () => shell,
  path: '/detections/hashes',
  component: lazyRouteComponent(() => import('./pages/hashes'), 'HashesPage'),
  validateSearch: hashesSearch,
  // Which of them is open beside the list is no other question.
  loaderDeps: ({ search }) => hashesFilters(search),
  loader: ({ context, deps, preload }) => {
    if (preload) return;
    void context.queries.prefetchInfiniteQuery(hashesQuery(deps));
    void context.queries.prefetchQuery(hashesCountQuery(deps));
  },
});

const coverage = createRoute({
  getParentRoute: () => shell,
  path: '/coverage',
  component: lazyRouteComponent(() => import('./pages/coverage'), 'CoveragePage'),
  validateSearch: coverageSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps, preload }) => {
    if (preload) return;
    void context.queries.prefetchQuery(coverageQuery(coverageFilters(deps)));
    void context.queries.prefetchQuery(historyQuery(historyFilters(deps, Date.now())));
  },
});

const coveragePcs = createRoute({
  getParentRoute: () => shell,
  path: '/coverage/pcs',
  component: lazyRouteComponent(() => import('./pages/coverage-pcs'), 'CoveragePcsPage'),
  validateSearch: pcsSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps, preload }) => {
    if (preload) return;
    void context.queries.prefetchInfiniteQuery(pcsQuery(deps));
    void context.queries.prefetchQuery(pcsCountQuery(deps));
  },
});

const coverageExceptions = createRoute({
  getParentRoute: () => shell,
  path: '/coverage/exceptions',
  component: lazyRouteComponent(() => import('./pages/coverage-exceptions'), 'CoverageExceptionsPage'),
  validateSearch: exceptionsSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps, preload }) => {
    if (preload) return;
    void context.queries.prefetchInfiniteQuery(exceptionsQuery(deps));
    void context.queries.prefetchQuery(exceptionsCountQuery(deps));
  },
});

const coverageUnmanaged = createRoute({
  getParentRoute: () => shell,
  path: '/coverage/unmanaged',
  component: lazyRouteComponent(() => import('./pages/coverage-unmanaged'), 'CoverageUnmanagedPage'),
  validateSearch: machinesSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps, preload }) => {
    if (preload) return;
    void context.queries.prefetchInfiniteQuery(machinesQuery(deps));
    void context.queries.prefetchQuery(machinesCountQuery(deps));
  },
});

const coverageReport = createRoute({
  getParentRoute: () => shell,
  path: '/coverage/report',
  component: lazyRouteComponent(() => import('./pages/coverage-report'), 'CoverageReportPage'),
  validateSearch: reportSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps, preload }) => {
    if (preload) return;
    void context.queries.prefetchQuery(reportQuery(reportFilters(deps, Date.now())));
  },
});

const coverageImport = createRoute({
  getParentRoute: () => shell,
  path: '/coverage/import',
  component: lazyRouteComponent(() => import('./pages/coverage-import'), 'CoverageImportPage'),
});

/** Without a loader: a certificate is an export that is written down, so a mere hover must not ask for one. */
const certificate = createRoute({
  getParentRoute: () => shell,
  path: '/coverage/certificate',
  component: lazyRouteComponent(() => import('./pages/certificate'), 'CertificatePage'),
  validateSearch: certificateSearch,
});

const tree = root.addChildren([
  signIn,
  signedIn.addChildren([
    firstPassword,
    shell.addChildren([
      overview,
      hosts,
      host,
      alerts,
      alert,
      protection,
      protectionPcs,
      detections,
      hashes,
      coverage,
      coveragePcs,
      coverageExceptions,
      coverageUnmanaged,
      coverageReport,
      coverageImport,
      certificate,
    ]),
  ]),
]);

/** `history` is the browser's own unless a test brings another. */
export function createAppRouter(queries: QueryClient, history?: RouterHistory) {
  return createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: 'intent',
    scrollRestoration: true,
    ...(history === undefined ? {} : { history }),
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
