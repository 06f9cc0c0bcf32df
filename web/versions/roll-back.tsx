/** Asks before rolling back, and says whether it was done. */
import { Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { rollBack } from '../client/endpoints.js';
import { toFailure } from '../client/http.js';
import { keys } from '../client/queries.js';
import { useAuthor } from '../common/author.js';
import { FailureNotice } from '../common/failure-notice.js';

export function RollBackDialog(props: {
  readonly opened: boolean;
  /** Version that `previous` names. */
  readonly version: string;
  readonly from: string | null;
  readonly onClose: () => void;
}) {
  const [why, setWhy] = useState('');
  const [author] = useAuthor();
  const cache = useQueryClient();
  const mutation = useMutation({
    mutationFn: () => rollBack(why, author),
    onSuccess: (done) => {
      notifications.show({
        title: `Rolled back to version ${done.version}`,
        message: done.verified
          ? 'It is served again.'
          : `Not every server has said so yet. ${done.details.join(' ')}`,
        color: done.verified ? 'green' : 'orange',
        closeButtonProps: { 'aria-label': 'Close' },
      });
      setWhy('');
      props.onClose();
    },
    onSettled: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: keys.models }),
        cache.invalidateQueries({ queryKey: keys.info }),
      ]),
  });
  const close = () => {
    if (mutation.isPending) return;
    mutation.reset();
    props.onClose();
  };
  return (
    <Modal
      opened={props.opened}
      onClose={close}
      title={`Roll back to version ${props.version}?`}
      centered
      radius={14}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap="md">
        <Text size="sm">
          {props.from === null ? 'New images' : `Version ${props.from} stops answering: new images`} are
          answered by version {props.version}. Nothing is deleted, and a later retrain may promote another
          version.
        </Text>
        <Textarea
          label="Reason"
          description="Kept with the change"
          autosize
          minRows={2}
          maxLength={1000}
          value={why}
          onChange={(event) => {
            setWhy(event.currentTarget.value);
          }}
        />
        {mutation.error !== null && (
          <FailureNotice failure={toFailure(mutation.error)} title="The roll back was not done" />
        )}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={close} disabled={mutation.isPending}>
            Cancel
          </Button>
          <Button
            color="red.9"
            loading={mutation.isPending}
            onClick={() => {
              mutation.mutate();
            }}
          >
            Roll back
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
