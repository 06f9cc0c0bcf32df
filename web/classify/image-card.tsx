/** One image of the session: preview, answer, bars, and what the person says about it. */
import { Alert, Button, CloseButton, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconPhotoOff, IconRefresh } from '@tabler/icons-react';
import { memo, useState } from 'react';
import type { Prediction } from '../../api/schema.js';
import { FailureNotice } from '../common/failure-notice.js';
import { labelText, percent } from '../common/format.js';
import { Tag } from '../common/tag.js';
import { Bars } from './bars.js';
import { FeedbackArea } from './feedback.js';
import { isUnsent, type Item } from './session.js';
import { session } from './use-session.js';
import classes from './classify.module.css';

/** Below this the page says that the model is not sure. */
const UNSURE_BELOW = 0.6;

function Preview({ item }: { readonly item: Item }) {
  const [broken, setBroken] = useState(false);
  const alt =
    item.answer.kind === 'answered'
      ? `${item.file.name}, predicted ${labelText(item.answer.prediction.label)} ${percent(item.answer.prediction.confidence)}`
      : item.file.name;
  return (
    <div className={classes.preview}>
      {broken ? (
        <IconPhotoOff role="img" aria-label="No preview" stroke={1.4} size={36} />
      ) : (
        <img
          src={item.previewUrl}
          alt={alt}
          decoding="async"
          onError={() => {
            setBroken(true);
          }}
        />
      )}
    </div>
  );
}

function Headline({ prediction }: { readonly prediction: Prediction }) {
  const unsure = prediction.confidence < UNSURE_BELOW;
  return (
    <Group gap="xs" align="baseline">
      <Title order={3} className={classes.predicted} data-testid="predicted-label">
        {labelText(prediction.label)}
      </Title>
      <Text fw={600} c="dimmed" className={classes.number} data-testid="confidence">
        {percent(prediction.confidence)}
      </Text>
      {unsure && !prediction.unfamiliar && <Tag tone="warn">Not sure</Tag>}
    </Group>
  );
}

function Unfamiliar() {
  return (
    <Alert
      classNames={{
        root: classes.unfamiliar ?? '',
        title: classes.unfamiliarTitle ?? '',
        icon: classes.unfamiliarIcon ?? '',
      }}
      icon={<IconAlertTriangle aria-hidden />}
      title="Unfamiliar image"
      data-testid="unfamiliar"
    >
      This image looks unlike anything the model has learned. Do not rely on the answer below.
    </Alert>
  );
}

function AnsweredBy(props: {
  readonly item: Item;
  readonly prediction: Prediction;
  readonly servingVersion: string | null;
}) {
  const { version } = props.prediction.model;
  const stale = props.servingVersion !== null && props.servingVersion !== version;
  return (
    <Group gap={8} className={classes.answeredBy} data-testid="answered-by">
      <Text size="xs" c="dimmed">
        Answered by version {version}
        {stale && `; version ${props.servingVersion} is serving now`}
      </Text>
      {stale && !isUnsent(props.item) && (
        <Button
          size="compact-sm"
          variant="light"
          leftSection={<IconRefresh size={14} aria-hidden />}
          onClick={() => {
            session.classifyAgain([props.item.id]);
          }}
        >
          Classify again
        </Button>
      )}
    </Group>
  );
}

function Waiting({ text }: { readonly text: string }) {
  return (
    <Stack gap={10} aria-busy>
      <Text size="sm" c="dimmed">
        {text}
      </Text>
      <Skeleton height={22} width="45%" />
      <Skeleton height={10} />
      <Skeleton height={10} width="92%" />
      <Skeleton height={10} width="96%" />
    </Stack>
  );
}

export const ImageCard = memo(function ImageCard(props: {
  readonly item: Item;
  readonly labels: readonly string[];
  readonly servingVersion: string | null;
  readonly modelMissing: boolean;
}) {
  const { item } = props;
  const { answer } = item;
  return (
    <article className={classes.card} aria-label={`Result for ${item.file.name}`}>
      <Preview item={item} />
      <div className={classes.cardBody}>
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Text size="sm" c="dimmed" truncate title={item.file.name}>
            {item.file.name}
          </Text>
          {!isUnsent(item) && (
            <CloseButton
              size={28}
              aria-label={`Remove ${item.file.name}`}
              onClick={() => {
                session.remove(item.id);
              }}
            />
          )}
        </Group>
        {answer.kind === 'queued' && (
          <Waiting text={props.modelMissing ? 'Waits for the first model…' : 'Waiting…'} />
        )}
        {answer.kind === 'sending' && <Waiting text="Classifying…" />}
        {answer.kind === 'failed' && (
          <FailureNotice
            failure={answer.failure}
            {...(answer.failure.retryable
              ? {
                  onRetry: () => {
                    session.classifyAgain([item.id]);
                  },
                }
              : {})}
          />
        )}
        {answer.kind === 'answered' && (
          <>
            {answer.prediction.unfamiliar && <Unfamiliar />}
            <Headline prediction={answer.prediction} />
            <Bars probabilities={answer.prediction.probabilities} />
            <AnsweredBy item={item} prediction={answer.prediction} servingVersion={props.servingVersion} />
            <FeedbackArea
              item={item}
              prediction={answer.prediction}
              labels={props.labels.length > 0 ? props.labels : Object.keys(answer.prediction.probabilities)}
            />
          </>
        )}
      </div>
    </article>
  );
});
