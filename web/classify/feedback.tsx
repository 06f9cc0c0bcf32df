/** "Right", or the right class: sends a correction and shows whether it is stored. */
import { Alert, Anchor, Button, Code, Group, Loader, Text, Textarea } from '@mantine/core';
import { IconCheck, IconCircleCheckFilled, IconMessagePlus, IconX } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Prediction } from '../../api/schema.js';
import { keys } from '../client/queries.js';
import { useAuthor } from '../common/author.js';
import { labelText } from '../common/format.js';
import type { Item } from './session.js';
import { session } from './use-session.js';
import classes from './classify.module.css';

interface FeedbackProps {
  readonly item: Item;
  readonly prediction: Prediction;
  readonly labels: readonly string[];
}

function Choice({ item, prediction, labels, onSend }: FeedbackProps & { onSend: (label: string) => void }) {
  const [commenting, setCommenting] = useState(item.comment !== '');
  const busy = item.feedback.kind === 'sending' ? item.feedback.label : null;
  const others = [...labels.filter((label) => label !== prediction.label), 'none'];
  return (
    <div className={classes.choice}>
      <Group gap={8}>
        <Button
          size="xs"
          color="#1c7a3e"
          leftSection={<IconCheck size={16} aria-hidden />}
          loading={busy === prediction.label}
          disabled={busy !== null}
          onClick={() => {
            onSend(prediction.label);
          }}
        >
          Right
        </Button>
        <Text size="sm" c="dimmed" id={`choice-${item.id}`}>
          or choose the right class:
        </Text>
      </Group>
      <div className={classes.chips} role="group" aria-labelledby={`choice-${item.id}`}>
        {others.map((label) => (
          <Button
            key={label}
            size="compact-sm"
            variant="default"
            radius="xl"
            fw={500}
            loading={busy === label}
            disabled={busy !== null}
            onClick={() => {
              onSend(label);
            }}
          >
            {labelText(label)}
          </Button>
        ))}
      </div>
      {commenting ? (
        <Textarea
          size="sm"
          autosize
          minRows={1}
          maxLength={2000}
          label="Comment"
          description="Sent together with your choice"
          value={item.comment}
          onChange={(event) => {
            session.setComment(item.id, event.currentTarget.value);
          }}
        />
      ) : (
        <Button
          size="compact-sm"
          variant="subtle"
          fw={500}
          className={classes.addComment}
          leftSection={<IconMessagePlus size={15} aria-hidden />}
          onClick={() => {
            setCommenting(true);
          }}
        >
          Add a comment
        </Button>
      )}
    </div>
  );
}

export function FeedbackArea(props: FeedbackProps) {
  const { item } = props;
  const [author] = useAuthor();
  const cache = useQueryClient();
  const send = (label: string) => {
    void session
      .correct(item.id, label, author)
      .then(() => cache.invalidateQueries({ queryKey: keys.corrections }));
  };

  if (item.feedback.kind === 'saved') {
    const { receipt, confirms } = item.feedback;
    return (
      <Group className={classes.saved} gap={8} role="status" wrap="nowrap" align="flex-start">
        <IconCircleCheckFilled size={20} aria-hidden className={classes.savedIcon} />
        <div className={classes.savedText}>
          <Text size="sm" fw={600}>
            {confirms ? 'Confirmed' : 'Corrected'}: {labelText(receipt.label)}
          </Text>
          <Text size="xs" c="dimmed">
            Saved as correction <Code className={classes.receipt}>{receipt.id}</Code>
            {receipt.status === 'disputed' && ' (disputed: somebody else chose another class)'}
          </Text>
        </div>
        <Button
          size="compact-sm"
          variant="subtle"
          onClick={() => {
            session.reconsider(item.id);
          }}
        >
          Change
        </Button>
      </Group>
    );
  }
  if (item.feedback.kind === 'failed') {
    const { failure, label } = item.feedback;
    return (
      <Alert
        color="red"
        variant="light"
        role="alert"
        icon={<IconX aria-hidden />}
        title={`Not saved: ${labelText(label)}`}
      >
        <Text size="sm">{failure.detail} Your choice is kept here.</Text>
        <Group gap="sm" mt="xs">
          <Button
            size="xs"
            color="red"
            onClick={() => {
              send(label);
            }}
          >
            Try again
          </Button>
          <Anchor
            component="button"
            size="sm"
            c="inherit"
            underline="always"
            onClick={() => {
              session.reconsider(item.id);
            }}
          >
            Discard
          </Anchor>
          <Code>{failure.code}</Code>
        </Group>
      </Alert>
    );
  }
  return (
    <>
      <Choice {...props} onSend={send} />
      {item.feedback.kind === 'sending' && (
        <Group gap={8} role="status">
          <Loader size={14} aria-hidden />
          <Text size="sm" c="dimmed">
            Saving…
          </Text>
        </Group>
      )}
    </>
  );
}
