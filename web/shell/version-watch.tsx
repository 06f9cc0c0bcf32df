/** Says it once when another version has begun to serve while the page is open. */
import { notifications } from '@mantine/notifications';
import { useEffect, useRef } from 'react';
import { useServing } from '../client/queries.js';

export function VersionWatch() {
  const version = useServing()?.version;
  const before = useRef(version);
  useEffect(() => {
    if (version === undefined || version === before.current) return;
    if (before.current !== undefined) {
      notifications.show({
        id: `serving-${version}`,
        title: `Version ${version} is serving now`,
        message: 'New images are answered by it.',
        color: 'petrol',
        autoClose: 8_000,
        closeButtonProps: { 'aria-label': 'Close' },
      });
    }
    before.current = version;
  }, [version]);
  return null;
}
