/** What everybody must know before trusting an answer, and whether the server is there at all. */
import { Loader } from '@mantine/core';
import { IconFlask, IconPlugConnectedX, IconShieldExclamation } from '@tabler/icons-react';
import { useReachable } from '../client/connection.js';
import { useInfo } from '../client/queries.js';
import classes from './shell.module.css';

export function Notices() {
  const info = useInfo();
  const reachable = useReachable();
  const synthetic = info.data?.serving?.synthetic ?? info.data?.synthetic ?? false;
  return (
    <>
      <div className={classes.notices} role="note">
        <span className={classes.notice}>
          <IconShieldExclamation size={17} stroke={1.7} aria-hidden />
          Not a medical device; for demonstration and research
        </span>
        {synthetic && (
          <span className={classes.synthetic} data-testid="synthetic">
            <IconFlask size={17} stroke={1.7} aria-hidden />
            Demo data: trained on synthetic phantoms, not on real images
          </span>
        )}
      </div>
      <div role="status">
        {!reachable && (
          <div className={classes.offline} data-testid="offline">
            <IconPlugConnectedX size={19} stroke={1.7} aria-hidden />
            <span>Medloop cannot be reached. What you see may be out of date; trying again…</span>
            <Loader size={14} color="currentColor" aria-hidden />
          </div>
        )}
      </div>
    </>
  );
}
