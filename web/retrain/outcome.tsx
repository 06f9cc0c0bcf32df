/** How a run ended, in plain words, with the reasons of the gate. */
import { Text } from '@mantine/core';
import {
  IconCheck,
  IconCircleCheckFilled,
  IconCircleDashed,
  IconCircleXFilled,
  IconHandStop,
  IconX,
} from '@tabler/icons-react';
import type { RunView } from '../../api/schema.js';
import { fromNow } from '../common/format.js';
import classes from './retrain.module.css';

interface Words {
  readonly tone: 'good' | 'quiet' | 'bad';
  readonly title: string;
  readonly text: string;
}

function wordsFor(run: RunView): Words {
  if (run.state === 'cancelled') {
    return {
      tone: 'quiet',
      title: 'The run was cancelled',
      text: 'The model that served before goes on serving.',
    };
  }
  if (run.state === 'failed' || run.outcome === null) {
    return {
      tone: 'bad',
      title: 'The run failed',
      text: run.failure?.message ?? 'It ended without a result and did not say why.',
    };
  }
  const version = run.outcome.modelVersion;
  const name = version === null ? 'The new model' : `Version ${version}`;
  switch (run.outcome.verdict) {
    case 'promoted':
      return { tone: 'good', title: `${name} was promoted`, text: 'It passed every check of the gate.' };
    case 'refused':
      return {
        tone: 'bad',
        title: `${name} was refused`,
        text: 'It did not pass every check, so the model that served before goes on serving.',
      };
    case 'nothing-new':
      return {
        tone: 'quiet',
        title: 'Nothing new to learn',
        text: 'No corrections have come in since the last training.',
      };
    case 'rolled-back':
      return {
        tone: 'bad',
        title: `${name} was taken back`,
        text: 'It passed the gate, but was not served as it should, so the earlier version serves again.',
      };
    case 'already-running':
      return { tone: 'quiet', title: 'Another run was already going', text: 'This one did nothing.' };
  }
}

function OutcomeIcon({ run, tone }: { readonly run: RunView; readonly tone: Words['tone'] }) {
  const size = 22;
  if (run.outcome?.verdict === 'refused')
    return <IconHandStop size={size} aria-hidden className={classes.bad} />;
  if (tone === 'good') return <IconCircleCheckFilled size={size} aria-hidden className={classes.good} />;
  if (tone === 'bad') return <IconCircleXFilled size={size} aria-hidden className={classes.bad} />;
  return <IconCircleDashed size={size} aria-hidden className={classes.quiet} />;
}

export function Outcome({ run }: { readonly run: RunView }) {
  const words = wordsFor(run);
  const reasons = run.outcome?.reasons ?? [];
  return (
    <div
      className={classes.outcome}
      data-testid="run-outcome"
      data-verdict={run.outcome?.verdict ?? run.state}
    >
      <OutcomeIcon run={run} tone={words.tone} />
      <div className={classes.outcomeBody}>
        <Text fw={650} size="sm">
          {words.title}
        </Text>
        <Text size="sm" c="dimmed">
          {words.text}
        </Text>
        {reasons.length > 0 && (
          <ul className={classes.reasons} aria-label="Reasons">
            {[...reasons]
              .sort((a, b) => Number(a.passed) - Number(b.passed))
              .map((reason) => (
                <li key={reason.code}>
                  {reason.passed ? (
                    <IconCheck size={16} role="img" aria-label="passed" className={classes.good} />
                  ) : (
                    <IconX size={16} role="img" aria-label="not passed" className={classes.bad} />
                  )}
                  <span>{reason.text}</span>
                </li>
              ))}
          </ul>
        )}
        {run.endedAt !== null && (
          <Text size="xs" c="dimmed" mt={4}>
            {fromNow(run.endedAt)}
          </Text>
        )}
      </div>
    </div>
  );
}
