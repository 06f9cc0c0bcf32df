/** One registered version. */
import { Anchor, Group, Text, Title } from '@mantine/core';
import { IconExternalLink } from '@tabler/icons-react';
import type { ModelVersionView } from '../../api/schema.js';
import { accuracy, dateTime, fromNow } from '../common/format.js';
import { Tag } from '../common/tag.js';
import classes from './versions.module.css';

export function VersionRow(props: { readonly model: ModelVersionView; readonly serving: boolean }) {
  const { model } = props;
  const golden = model.metrics['golden.accuracy'];
  return (
    <li
      className={classes.row}
      aria-label={`Version ${model.version}`}
      data-serving={props.serving || undefined}
    >
      <div className={classes.name}>
        <Group gap={8}>
          <Title order={2} size="h4">
            Version {model.version}
          </Title>
          {props.serving && <Tag tone="good">Serving</Tag>}
          {model.aliases.map((alias) => (
            <Tag key={alias} tone="accent">
              {alias}
            </Tag>
          ))}
          {model.synthetic && <Tag tone="warn">Synthetic data</Tag>}
        </Group>
        <Text size="sm" c="dimmed" mt={2}>
          <time dateTime={model.createdAt}>{dateTime(model.createdAt)}</time>, {fromNow(model.createdAt)}
        </Text>
      </div>
      <dl className={classes.figures}>
        <div>
          <dt>Golden accuracy</dt>
          <dd className={classes.accuracy}>{golden === undefined ? 'not known' : accuracy(golden)}</dd>
        </div>
        <div>
          <dt>Gate</dt>
          <dd>
            <Tag tone={model.verdict === 'promote' ? 'good' : 'bad'}>
              {model.verdict === 'promote' ? 'Passed' : 'Refused'}
            </Tag>
          </dd>
        </div>
        <div>
          <dt>Training</dt>
          <dd>{model.mode === 'full' ? 'Full' : 'Warm'}</dd>
        </div>
        <div>
          <dt>Snapshot</dt>
          <dd>{model.snapshot}</dd>
        </div>
      </dl>
      {model.mlflowUrl !== null && (
        <Anchor href={model.mlflowUrl} target="_blank" rel="noreferrer" size="sm" className={classes.link}>
          MLflow <IconExternalLink size={13} role="img" aria-label="(opens in a new tab)" />
        </Anchor>
      )}
    </li>
  );
}
