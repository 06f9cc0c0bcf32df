/** Shown while no model serves yet: the first training as it happens, or the button that starts it. */
import { Button, Group, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import { IconSchool, IconSparkles } from '@tabler/icons-react';
import { toFailure } from '../client/http.js';
import { useAuthor } from '../common/author.js';
import { FailureNotice } from '../common/failure-notice.js';
import { useCurrentRun, useStartRun } from './current-run.js';
import { RunProgress } from './run-view.js';
import classes from './retrain.module.css';

export function FirstModel() {
  const [author] = useAuthor();
  const { run, starting, failure, refetch } = useCurrentRun();
  const start = useStartRun();
  const startFailure = start.error === null ? null : toFailure(start.error);
  const active = run?.state === 'running' || starting;
  const begin = () => {
    start.mutate({ mode: 'full', author });
  };
  return (
    <Paper withBorder radius={14} p="lg" role="region" aria-label="First model">
      <Stack gap="md">
        <Group gap="sm" wrap="nowrap" align="flex-start">
          <IconSparkles size={26} stroke={1.6} aria-hidden className={classes.accent} />
          <div>
            <Title order={2} size="h4">
              {active ? 'The first model is being trained' : 'There is no model yet'}
            </Title>
            <Text size="sm" c="dimmed">
              {active
                ? 'It serves as soon as it has passed its checks. This page notices by itself.'
                : 'Once images have been imported, a first training makes one.'}
            </Text>
          </div>
        </Group>
        <div aria-live="polite">
          {starting && (
            <Group gap={8}>
              <Loader size={16} aria-hidden />
              <Text size="sm">Starting…</Text>
            </Group>
          )}
          {failure !== null && (
            <FailureNotice failure={failure} title="Runs cannot be read" onRetry={refetch} />
          )}
          {run !== null && run !== undefined && <RunProgress run={run} />}
        </div>
        {!active && (
          <Group>
            <Button
              leftSection={<IconSchool size={18} aria-hidden />}
              loading={start.isPending}
              onClick={begin}
            >
              Train the first model
            </Button>
          </Group>
        )}
        {startFailure !== null && startFailure.code !== 'RUN_IN_PROGRESS' && (
          <FailureNotice failure={startFailure} title="The training did not start" />
        )}
      </Stack>
    </Paper>
  );
}
