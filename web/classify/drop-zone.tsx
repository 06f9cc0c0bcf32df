/** Where images come in: a button, and a place that shows that files may be dropped or pasted. */
import { Button, FileButton, Text, VisuallyHidden } from '@mantine/core';
import { IconPhotoPlus, IconUpload } from '@tabler/icons-react';
import { useMediaQuery } from '@mantine/hooks';
import { useRef } from 'react';
import { megabytes } from '../common/format.js';
import type { SessionLimits } from './session.js';
import classes from './classify.module.css';

export function DropZone(props: {
  readonly dragging: boolean;
  readonly compact: boolean;
  readonly limits: SessionLimits | null;
  readonly onFiles: (files: readonly File[]) => void;
}) {
  const reset = useRef<() => void>(null);
  // On a phone nothing can be dropped.
  const touch = useMediaQuery('(pointer: coarse)');
  return (
    <section
      className={classes.dropZone}
      aria-label="Upload"
      data-dragging={props.dragging || undefined}
      data-compact={props.compact || undefined}
    >
      <IconPhotoPlus className={classes.dropIcon} aria-hidden stroke={1.5} />
      <div className={classes.dropText}>
        <Text fw={600} size="lg" lh={1.3}>
          {props.dragging ? 'Drop to classify' : touch ? 'Add images' : 'Drop images anywhere on this page'}
        </Text>
        <Text size="sm" c="dimmed">
          {!touch && 'or paste one. '}JPEG or PNG
          {props.limits !== null && `, up to ${megabytes(props.limits.fileBytes)} each`}
        </Text>
      </div>
      <FileButton
        multiple
        accept="image/jpeg,image/png"
        resetRef={reset}
        inputProps={{ 'aria-label': 'Images', tabIndex: -1 }}
        onChange={(files) => {
          props.onFiles(files);
          // The same file may be chosen again.
          reset.current?.();
        }}
      >
        {(button) => (
          <Button {...button} size="md" leftSection={<IconUpload size={18} aria-hidden />}>
            Choose images
          </Button>
        )}
      </FileButton>
      <VisuallyHidden>Several images may be added at once.</VisuallyHidden>
    </section>
  );
}
