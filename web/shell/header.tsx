/** The top of every view: name, views, the version that serves, and the way to the other tools. */
import { ActionIcon, Popover, Text, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { IconDots, IconExternalLink, IconMoon, IconSun } from '@tabler/icons-react';
import { Link, useRoute } from 'wouter';
import { useInfo } from '../client/queries.js';
import { shortTime } from '../common/format.js';
import { Logo } from './logo.js';
import { VIEWS } from './views.js';
import classes from './shell.module.css';

function NavigationLink({ view }: { readonly view: (typeof VIEWS)[number] }) {
  const [active] = useRoute(view.path);
  const Icon = view.icon;
  return (
    <Link href={view.path} className={classes.navLink} aria-current={active ? 'page' : undefined}>
      <Icon size={18} stroke={1.7} aria-hidden />
      {view.name}
    </Link>
  );
}

function Serving() {
  const info = useInfo();
  const serving = info.data?.serving;
  if (serving === undefined) {
    return (
      <div
        className={classes.serving}
        data-testid="serving"
        data-state={info.isError ? 'unknown' : 'loading'}
      >
        <Text size="sm" c="dimmed">
          {info.isError ? 'Version not known' : 'Reading version…'}
        </Text>
      </div>
    );
  }
  if (serving === null) {
    return (
      <div className={classes.serving} data-testid="serving" data-state="none">
        <Text size="sm" c="dimmed">
          No model yet
        </Text>
      </div>
    );
  }
  return (
    <div
      className={classes.serving}
      data-testid="serving"
      data-state="serving"
      data-version={serving.version}
    >
      <span className={classes.dot} aria-hidden />
      <div>
        <Text size="sm" fw={650} lh={1.25}>
          Version {serving.version}
        </Text>
        <Text size="xs" c="dimmed" lh={1.25}>
          <span className={classes.wideOnly}>serving </span>since{' '}
          <time dateTime={serving.since}>{shortTime(serving.since)}</time>
        </Text>
      </div>
    </div>
  );
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light', { getInitialValueInEffect: false });
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <ActionIcon
      variant="default"
      size={36}
      aria-label={`Switch to ${other} mode`}
      onClick={() => {
        setColorScheme(other);
      }}
    >
      {scheme === 'dark' ? <IconSun size={19} aria-hidden /> : <IconMoon size={19} aria-hidden />}
    </ActionIcon>
  );
}

function Tools() {
  const info = useInfo();
  const links = [
    { name: 'Temporal UI', what: 'Runs and their history', url: info.data?.temporalUiUrl ?? null },
    { name: 'MLflow UI', what: 'Metrics and versions', url: info.data?.mlflowUrl ?? null },
    { name: 'API description', what: 'OpenAPI document', url: '/api/v1/openapi.json' },
  ];
  return (
    <Popover position="bottom-end" width={230} shadow="md" radius={12} trapFocus>
      <Popover.Target>
        <ActionIcon variant="default" size={36} aria-label="Other tools">
          <IconDots size={19} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown p={6}>
        <ul className={classes.tools}>
          {links.map(({ name, what, url }) =>
            url === null ? null : (
              <li key={name}>
                <a href={url} target="_blank" rel="noreferrer">
                  <span>
                    {name}
                    <Text span display="block" size="xs" c="dimmed">
                      {what}
                    </Text>
                  </span>
                  <IconExternalLink size={15} aria-hidden />
                </a>
              </li>
            ),
          )}
        </ul>
      </Popover.Dropdown>
    </Popover>
  );
}

export function Header() {
  return (
    <header className={classes.header}>
      <div className={classes.headerInner}>
        <Link href="/" className={classes.brand}>
          <Logo />
          <span>Medloop</span>
        </Link>
        <nav className={classes.nav} aria-label="Views">
          {VIEWS.map((view) => (
            <NavigationLink key={view.path} view={view} />
          ))}
        </nav>
        <div className={classes.headerEnd}>
          <Serving />
          <SchemeSwitch />
          <Tools />
        </div>
      </div>
    </header>
  );
}
