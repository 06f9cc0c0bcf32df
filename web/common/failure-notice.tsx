/** A failure said kindly, with its code for those who look it up and a way to try again. */
import { Alert, Button, Code, Group, Text } from '@mantine/core';
import { IconAlertCircle } from '@tabler/icons-react';
import type { Failure } from '../client/http.js';

export function FailureNotice(props: {
  readonly failure: Failure;
  readonly title?: string;
  readonly onRetry?: () => void;
  readonly retrying?: boolean;
}) {
  const { failure } = props;
  // Many problems have one sentence for both: it is not said twice.
  const title = props.title ?? (failure.title === failure.detail ? undefined : failure.title);
  return (
    <Alert color="red" variant="light" role="alert" icon={<IconAlertCircle aria-hidden />} title={title}>
      <Text size="sm">{failure.detail}</Text>
      <Group mt="xs" gap="sm">
        {props.onRetry !== undefined && (
          <Button size="xs" color="red" onClick={props.onRetry} loading={props.retrying ?? false}>
            Try again
          </Button>
        )}
        <Code>{failure.code}</Code>
      </Group>
    </Alert>
  );
}
