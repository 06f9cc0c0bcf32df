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
  return (
    <Alert
      color="red"
      variant="light"
      role="alert"
      icon={<IconAlertCircle aria-hidden />}
      title={props.title ?? props.failure.title}
    >
      <Text size="sm">{props.failure.detail}</Text>
      <Group mt="xs" gap="sm">
        {props.onRetry !== undefined && (
          <Button size="xs" color="red" onClick={props.onRetry} loading={props.retrying ?? false}>
            Try again
          </Button>
        )}
        <Code>{props.failure.code}</Code>
      </Group>
    </Alert>
  );
}
