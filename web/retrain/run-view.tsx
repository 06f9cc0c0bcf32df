/** One run: what it does while it runs, how it ended afterwards. */
import { Anchor, Group, Text } from '@mantine/core';
import { IconExternalLink } from '@tabler/icons-react';
import type { RunView } from '../../api/schema.js';
import { fromNow } from '../common/format.js';
import { Outcome } from './outcome.js';
import { Steps } from './steps.js';
import classes from './retrain.module.css';

const TRIGGER_TEXT: Readonly<Record<RunView['trigger'], string>> = {
  schedule: 'by the schedule',
  manual: 'by hand',
  start: 'at the first start',
};

export function RunProgress({ run }: { readonly run: RunView }) {
  const active = run.state === 'running';
  return (
    <div>
      {active ? (
        <>
          <Text size="sm" c="dimmed" mb="sm">
            {run.mode === 'full' ? 'Full training' : 'Retraining'}, started {TRIGGER_TEXT[run.trigger]}{' '}
            {fromNow(run.startedAt)}
          </Text>
          <Steps run={run} />
        </>
      ) : (
        <Outcome run={run} />
      )}
      {run.temporalUrl !== null && (
        <Group mt="sm">
          <Anchor href={run.temporalUrl} target="_blank" rel="noreferrer" size="sm" className={classes.link}>
            History in Temporal <IconExternalLink size={13} aria-label="(opens in a new tab)" role="img" />
          </Anchor>
        </Group>
      )}
    </div>
  );
}
