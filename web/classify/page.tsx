/** The view in which people classify images and say what is right. */
import { Alert, Button, Group, Text, TextInput, Title } from '@mantine/core';
import { IconRefresh, IconTrash } from '@tabler/icons-react';
import { useEffect } from 'react';
import { useInfo } from '../client/queries.js';
import { useAuthor } from '../common/author.js';
import { FirstModel } from '../retrain/first-model.js';
import { RetrainPanel } from '../retrain/panel.js';
import { Announcer } from './announcer.js';
import { DropZone } from './drop-zone.js';
import { HowItWorks } from './how-it-works.js';
import { ImageCard } from './image-card.js';
import type { Item } from './session.js';
import { useIncomingFiles } from './use-incoming-files.js';
import { session, useItems } from './use-session.js';
import classes from './classify.module.css';

function Toolbar(props: { readonly items: readonly Item[]; readonly servingVersion: string | null }) {
  const [author, setAuthor] = useAuthor();
  const stale = props.items.filter(
    (item) =>
      item.answer.kind === 'answered' &&
      props.servingVersion !== null &&
      item.answer.prediction.model.version !== props.servingVersion,
  );
  return (
    <Group justify="space-between" gap="sm">
      <TextInput
        size="sm"
        label="Your name"
        placeholder="Optional"
        autoComplete="name"
        maxLength={200}
        className={classes.author}
        value={author}
        onChange={(event) => {
          setAuthor(event.currentTarget.value);
        }}
      />
      <Group gap="xs">
        {stale.length > 1 && (
          <Button
            size="xs"
            variant="light"
            leftSection={<IconRefresh size={16} aria-hidden />}
            onClick={() => {
              session.classifyAgain(stale.map((item) => item.id));
            }}
          >
            Classify all {stale.length} again
          </Button>
        )}
        <Button
          size="xs"
          variant="default"
          leftSection={<IconTrash size={16} aria-hidden />}
          onClick={() => {
            session.clear();
          }}
        >
          Clear
        </Button>
      </Group>
    </Group>
  );
}

export function ClassifyPage() {
  const items = useItems();
  const info = useInfo();
  const serving = info.data?.serving ?? null;
  const modelMissing = info.data !== undefined && serving === null;
  const limits = info.data?.limits ?? null;
  const labels = serving?.labels ?? info.data?.labels ?? [];
  const servingVersion = serving?.version ?? null;

  useEffect(() => {
    if (limits !== null) session.setLimits(limits);
  }, [limits]);
  useEffect(() => {
    session.setOpen(!modelMissing);
  }, [modelMissing]);
  const take = (files: readonly File[]) => {
    session.add(files);
  };
  const dragging = useIncomingFiles(take);

  return (
    <div className={classes.layout} data-single={modelMissing || undefined}>
      <div className={classes.main}>
        <div>
          <Title order={1} tabIndex={-1} className={classes.title}>
            What does this image show?
          </Title>
          <Text c="dimmed">
            {labels.length > 0
              ? `The model tells ${labels.slice(0, -1).join(', ')} and ${labels.at(-1) ?? ''} apart, and learns from your corrections.`
              : 'The model learns from your corrections.'}
          </Text>
        </div>
        {modelMissing && <FirstModel />}
        <DropZone dragging={dragging} compact={items.length > 0} limits={limits} onFiles={take} />
        {modelMissing && items.length > 0 && (
          <Alert color="petrol" variant="light">
            Your images wait here and are classified as soon as the first model is ready.
          </Alert>
        )}
        {items.length === 0 && !modelMissing && <HowItWorks />}
        {items.length > 0 && <Toolbar items={items} servingVersion={servingVersion} />}
        <Announcer items={items} />
        <section aria-label="Results" className={classes.results}>
          {items.map((item) => (
            <ImageCard
              key={item.id}
              item={item}
              labels={labels}
              servingVersion={servingVersion}
              modelMissing={modelMissing}
            />
          ))}
        </section>
      </div>
      {!modelMissing && (
        <aside className={classes.side} aria-label="Learning">
          <RetrainPanel />
        </aside>
      )}
    </div>
  );
}
