/** The frame around every page: navigation, live indicator, account. */
import { AppShell, Burger, Group, NavLink, ScrollArea, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link, Outlet } from '@tanstack/react-router';
import logo from '~/ui/vong.svg';
import { useLive } from '~/hooks/use-live';
import { useRowKeys } from '~/hooks/use-row-keys';
import { useWords } from '~/i18n';
import {
  IconBell,
  IconDeviceDesktop,
  IconLayoutDashboard,
  IconReportAnalytics,
  IconShieldCheck,
  IconVirus,
} from '~/ui/icons';
import { AccountMenu } from './account-menu';
import { LiveIndicator } from './live-indicator';
import classes from './shell.module.css';

const ITEMS = [
  { to: '/', label: 'nav.overview', icon: IconLayoutDashboard },
  { to: '/alerts', label: 'nav.alerts', icon: IconBell },
  { to: '/hosts', label: 'nav.hosts', icon: IconDeviceDesktop },
  { to: '/protection', label: 'nav.protection', icon: IconShieldCheck },
  { to: '/detections', label: 'nav.detections', icon: IconVirus },
  { to: '/coverage', label: 'nav.coverage', icon: IconReportAnalytics },
] as const;

export function Shell() {
  const { t } = useWords();
  const [opened, { toggle, close }] = useDisclosure(false);
  const connected = useLive();
  useRowKeys();
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 208, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding="md"
    >
      <a className={classes.skip} href="#content">
        {t('app.skip')}
      </a>
      <AppShell.Header className={classes.header}>
        <Group gap="sm" wrap="nowrap">
          <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t('nav.main')} />
          <Link to="/" className={classes.brand}>
            <img src={logo} alt="" width={26} height={26} />
            <span>{t('app.name')}</span>
          </Link>
          <Text c="dimmed" visibleFrom="md">
            {t('app.tagline')}
          </Text>
        </Group>
        <Group gap="md" wrap="nowrap">
          <LiveIndicator connected={connected} />
          <AccountMenu />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" className={classes.navbar} aria-label={t('nav.main')}>
        <ScrollArea>
          {ITEMS.map(({ to, label, icon: Icon }) => (
            <NavLink
              key={to}
              component={Link}
              to={to}
              activeOptions={{ exact: to === '/', includeSearch: false }}
              activeProps={{ 'data-active': true, 'aria-current': 'page' }}
              onClick={close}
              label={t(label)}
              leftSection={<Icon size={18} stroke={1.7} aria-hidden />}
              className={classes.item}
            />
          ))}
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} className={classes.main}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}
