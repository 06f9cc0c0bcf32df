/** When the model learns next, the button that makes it learn now, and what the last run did. */
import { Button, Divider, Group, Loader, Paper, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconCalendarTime, IconPlayerPause, IconSchool } from '@tabler/icons-react';
import { toFailure } from '../client/http.js';
import { useSchedule } from '../client/queries.js';
import { useAuthor } from '../common/author.js';
import { FailureNotice } from '../common/failure-notice.js';
import { dateTime, fromNow } from '../common/format.js';
import { Tag } from '../common/tag.js';
import { useCurrentRun, useStartRun } from './current-run.js';
import { RunProgress } from './run-view.js';
import classes from './retrain.module.css';

function NextRetrain() {
  const schedule = useSchedule();
  if (schedule.isPending) return <Skeleton height={40} />;
  if (schedule.data === undefined) {
    return (
      <Text size="sm" c="dimmed">
        The schedule cannot be read just now.
      </Text>
    );
  }
  const { paused, nextTimes, note } = schedule.data;
  const [next] = nextTimes;
  return (
    <Group gap={10} wrap="nowrap" align="flex-start" data-testid="next-retrain">
      {paused ? (
        <IconPlayerPause size={22} stroke={1.6} aria-hidden className={classes.quiet} />
      ) : (
        <IconCalendarTime size={22} stroke={1.6} aria-hidden className={classes.accent} />
      )}
      <div>
        <Text size="sm" c="dimmed" lh={1.3}>
          Next retrain
        </Text>
        {paused ? (
          <Group gap={8}>
            <Text fw={600}>Paused</Text>
            {note !== null && note !== '' && <Tag tone="quiet">{note}</Tag>}
          </Group>
        ) : next === undefined ? (
          <Text fw={600}>Not scheduled</Text>
        ) : (
          <Text fw={600}>
            <time dateTime={next}>{dateTime(next)}</time>{' '}
            <Text span size="sm" c="dimmed" fw={400}>
              {fromNow(next)}
            </Text>
          </Text>
        )}
      </div>
    </Group>
  );
}

export function RetrainPanel() {
  const [author] = useAuthor();
  const { run, starting, failure, refetch } = useCurrentRun();
  const start = useStartRun();
  const startFailure = start.error === null ? null : toFailure(start.error);
  const alreadyRunning = startFailure?.code === 'RUN_IN_PROGRESS';
  const active = run?.state === 'running' || starting;
  const begin = () => {
    start.mutate({ mode: 'warm', author });
  };

  return (
    <Paper withBorder radius={14} p="lg" className={classes.panel}>
      <Stack gap="md">
        <Title order={2} size="h4">
          Learning
        </Title>
        <NextRetrain />
        <Button
          leftSection={<IconSchool size={18} aria-hidden />}
          variant="light"
          fullWidth
          disabled={active}
          loading={start.isPending}
          onClick={begin}
        >
          {active ? 'Retraining…' : 'Retrain now'}
        </Button>
        {alreadyRunning && active && (
          <Text size="sm" role="status">
            A retrain was already running; here is its progress.
          </Text>
        )}
        {startFailure !== null && !alreadyRunning && (
          <FailureNotice
            failure={startFailure}
            title="The retrain did not start"
            onRetry={begin}
            retrying={start.isPending}
          />
        )}
        {(run !== null || starting) && <Divider color="var(--medloop-line)" />}
        <section aria-label={active ? 'Running retrain' : 'Last retrain'} aria-live="polite">
          {starting && (
            <Group gap={8}>
              <Loader size={16} aria-hidden />
              <Text size="sm">Starting…</Text>
            </Group>
          )}
          {!starting && run === undefined && failure === null && <Skeleton height={60} />}
          {failure !== null && (
            <FailureNotice failure={failure} title="Runs cannot be read" onRetry={refetch} />
          )}
          {run === null && (
            <Text size="sm" c="dimmed">
              Nothing has run yet.
            </Text>
          )}
          {run !== null && run !== undefined && !starting && <RunProgress run={run} />}
        </section>
      </Stack>
    </Paper>
  );
}
