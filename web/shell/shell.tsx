/** The frame around every view: header, notices, the view itself, footer. */
import { Anchor, Center, Loader, Text, Title } from '@mantine/core';
import { Suspense, useEffect, useRef } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';
import { useInfo } from '../client/queries.js';
import { CrashBoundary } from './crash.js';
import { Header } from './header.js';
import { Notices } from './notices.js';
import { VersionWatch } from './version-watch.js';
import { VIEWS } from './views.js';
import classes from './shell.module.css';

function NotFound() {
  return (
    <div>
      <Title order={1} tabIndex={-1} size="h2">
        There is no such page
      </Title>
      <Text mt="sm">
        <Anchor component={Link} href="/">
          Classify images
        </Anchor>
      </Text>
    </div>
  );
}

/** Names the view in the title and, after a change of view, moves the focus to its heading. */
function useViewChange(main: React.RefObject<HTMLElement | null>): void {
  const [path] = useLocation();
  const first = useRef(true);
  useEffect(() => {
    const view = VIEWS.find((one) => one.path === path);
    document.title = `${view?.name ?? 'Not found'} · Medloop`;
    if (first.current) {
      first.current = false;
      return;
    }
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [path, main]);
}

export function Shell() {
  const main = useRef<HTMLElement>(null);
  const info = useInfo();
  const [path] = useLocation();
  useViewChange(main);
  return (
    <div className={classes.page}>
      <a href="#main" className={classes.skip}>
        Skip to content
      </a>
      <Header />
      <Notices />
      <VersionWatch />
      <main id="main" ref={main} tabIndex={-1} className={classes.main}>
        <CrashBoundary key={path}>
          <Suspense
            fallback={
              <Center py={80}>
                <Loader aria-label="Loading" />
              </Center>
            }
          >
            <Switch>
              {VIEWS.map((view) => (
                <Route key={view.path} path={view.path} component={view.component} />
              ))}
              <Route component={NotFound} />
            </Switch>
          </Suspense>
        </CrashBoundary>
      </main>
      <footer className={classes.footer}>
        <span>Medloop {info.data?.version ?? ''}</span>
        <span>Not a medical device; for demonstration and research</span>
      </footer>
    </div>
  );
}
