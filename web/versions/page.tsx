/** The view of every registered version, and the way back to the previous one. */
import { Button, EmptyState, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconArrowBackUp, IconVersions } from '@tabler/icons-react';
import { useState } from 'react';
import { toFailure } from '../client/http.js';
import { useModels, useServing } from '../client/queries.js';
import { FailureNotice } from '../common/failure-notice.js';
import { RollBackDialog } from './roll-back.js';
import { VersionRow } from './row.js';
import classes from './versions.module.css';

export function ModelsPage() {
  const query = useModels();
  const serving = useServing();
  const [asking, setAsking] = useState(false);
  const models = query.data?.models ?? [];
  const previous = models.find((model) => model.aliases.includes('previous'))?.version ?? null;
  const failure = query.error === null ? null : toFailure(query.error);
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-end" gap="md">
        <div>
          <Title order={1} className={classes.title}>
            Models
          </Title>
          <Text c="dimmed">Every version that was trained, newest first.</Text>
        </div>
        {previous !== null && (
          <Button
            variant="default"
            leftSection={<IconArrowBackUp size={18} aria-hidden />}
            onClick={() => {
              setAsking(true);
            }}
          >
            Roll back to version {previous}
          </Button>
        )}
      </Group>
      {failure !== null && (
        <FailureNotice
          failure={failure}
          title="The versions cannot be read"
          retrying={query.isFetching}
          onRetry={() => {
            void query.refetch();
          }}
        />
      )}
      {query.isPending && (
        <Stack gap="sm" aria-busy aria-label="Loading versions">
          <Skeleton height={96} radius={14} />
          <Skeleton height={96} radius={14} />
        </Stack>
      )}
      {query.data !== undefined && models.length === 0 && (
        <Paper withBorder radius={14} p="xl" className={classes.line}>
          <EmptyState
            icon={<IconVersions aria-hidden stroke={1.5} />}
            title="No version yet"
            description="The first training registers version 1."
          />
        </Paper>
      )}
      {models.length > 0 && (
        <ul className={classes.list} aria-label="Versions">
          {models.map((model) => (
            <VersionRow key={model.version} model={model} serving={serving?.version === model.version} />
          ))}
        </ul>
      )}
      {previous !== null && (
        <RollBackDialog
          opened={asking}
          version={previous}
          from={serving?.version ?? null}
          onClose={() => {
            setAsking(false);
          }}
        />
      )}
    </Stack>
  );
}
