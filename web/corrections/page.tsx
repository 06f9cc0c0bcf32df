/** The view of everything that people have said, and what became of it. */
import { Accordion, Button, Center, EmptyState, Paper, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconHistory, IconPhotoSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { toFailure } from '../client/http.js';
import { useCorrections } from '../client/queries.js';
import { FailureNotice } from '../common/failure-notice.js';
import { CorrectionRow } from './row.js';
import classes from './corrections.module.css';

function Loading() {
  return (
    <Stack gap="xs" aria-busy aria-label="Loading corrections">
      {[1, 2, 3, 4].map((row) => (
        <Skeleton key={row} height={74} radius={14} />
      ))}
    </Stack>
  );
}

function Empty() {
  return (
    <Paper withBorder radius={14} p="xl" className={classes.empty}>
      <EmptyState
        icon={<IconHistory aria-hidden stroke={1.5} />}
        title="No corrections yet"
        description="Classify an image and say whether the answer is right: it appears here, and the next retrain learns from it."
      >
        <EmptyState.Actions>
          <Button component={Link} href="/" leftSection={<IconPhotoSearch size={18} aria-hidden />}>
            Classify images
          </Button>
        </EmptyState.Actions>
      </EmptyState>
    </Paper>
  );
}

export function CorrectionsPage() {
  const query = useCorrections();
  const [opened, setOpened] = useState<string | null>(null);
  const corrections = query.data?.pages.flatMap((page) => page.corrections) ?? [];
  const failure = query.error === null ? null : toFailure(query.error);
  return (
    <Stack gap="lg">
      <div>
        <Title order={1} className={classes.title}>
          Corrections
        </Title>
        <Text c="dimmed">
          What people have said about the model’s answers, newest first, and what became of it.
        </Text>
      </div>
      {failure !== null && (
        <FailureNotice
          failure={failure}
          title="The corrections cannot be read"
          retrying={query.isFetching}
          onRetry={() => {
            void query.refetch();
          }}
        />
      )}
      {query.isPending && <Loading />}
      {query.data !== undefined && corrections.length === 0 && <Empty />}
      {corrections.length > 0 && (
        <Accordion
          value={opened}
          onChange={setOpened}
          variant="separated"
          radius={14}
          chevronSize={20}
          classNames={{ item: classes.item, control: classes.control, label: classes.label }}
        >
          {corrections.map((correction) => (
            <CorrectionRow key={correction.id} correction={correction} opened={opened === correction.id} />
          ))}
        </Accordion>
      )}
      {query.hasNextPage && (
        <Center>
          <Button
            variant="default"
            loading={query.isFetchingNextPage}
            onClick={() => {
              void query.fetchNextPage();
            }}
          >
            Show older ones
          </Button>
        </Center>
      )}
    </Stack>
  );
}
