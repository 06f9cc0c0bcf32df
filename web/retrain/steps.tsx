/** The steps of a run, one under the other, and how far the training is. */
import { Loader, Progress, Text } from '@mantine/core';
import {
  IconBan,
  IconCircle,
  IconCircleCheckFilled,
  IconCircleMinus,
  IconCircleXFilled,
} from '@tabler/icons-react';
import type { RunView } from '../../api/schema.js';
import { duration } from '../common/format.js';
import classes from './retrain.module.css';

type Step = RunView['steps'][number];
type TrainingProgress = NonNullable<RunView['progress']>;

const STEP_TEXT: Readonly<Record<string, readonly [title: string, what: string]>> = {
  snapshot: ['Snapshot', 'Collect the new corrections'],
  train: ['Train', 'Learn from the images and the corrections'],
  evaluate: ['Evaluate', 'Compare with the model that serves'],
  register: ['Register', 'Keep the new version'],
  promote: ['Promote', 'Only if it is at least as good'],
  verify: ['Verify', 'Check what is served'],
};

const STATE_TEXT: Readonly<Record<Step['state'], string>> = {
  pending: 'not yet',
  running: 'running',
  succeeded: 'done',
  failed: 'failed',
  skipped: 'left out',
  cancelled: 'cancelled',
};

function StepIcon({ state }: { readonly state: Step['state'] }) {
  const size = 20;
  switch (state) {
    case 'running':
      return <Loader size={18} color="var(--medloop-accent)" aria-hidden />;
    case 'succeeded':
      return <IconCircleCheckFilled size={size} aria-hidden className={classes.good} />;
    case 'failed':
      return <IconCircleXFilled size={size} aria-hidden className={classes.bad} />;
    case 'skipped':
      return <IconCircleMinus size={size} aria-hidden className={classes.quiet} />;
    case 'cancelled':
      return <IconBan size={size} aria-hidden className={classes.quiet} />;
    case 'pending':
      return <IconCircle size={size} aria-hidden className={classes.quiet} stroke={1.5} />;
  }
}

function stepSeconds(step: Step): string | null {
  if (step.startedAt === null || step.endedAt === null) return null;
  const seconds = (Date.parse(step.endedAt) - Date.parse(step.startedAt)) / 1000;
  return seconds < 1 ? '< 1 s' : duration(seconds);
}

function Training({ progress }: { readonly progress: TrainingProgress }) {
  const done = progress.totalSteps > 0 ? (progress.step / progress.totalSteps) * 100 : 0;
  return (
    <div className={classes.training} data-testid="training-progress">
      <Progress.Root size="md" radius="xl">
        <Progress.Section value={done} color="var(--medloop-accent)" aria-label="Training progress" />
      </Progress.Root>
      <dl className={classes.figures}>
        <div>
          <dt>Epoch</dt>
          <dd>
            {progress.epoch} of {progress.totalEpochs}
          </dd>
        </div>
        <div>
          <dt>Speed</dt>
          <dd>{Math.round(progress.imagesPerSecond).toLocaleString('en')} images/s</dd>
        </div>
        <div>
          <dt>Loss</dt>
          <dd>{progress.loss.toPrecision(3)}</dd>
        </div>
        <div>
          <dt>Remaining</dt>
          <dd>{duration(progress.remainingSeconds)}</dd>
        </div>
      </dl>
    </div>
  );
}

export function Steps({ run }: { readonly run: RunView }) {
  return (
    <ol className={classes.steps} aria-label="Steps of the run">
      {run.steps.map((step) => {
        const [title, what] = STEP_TEXT[step.name] ?? [step.name, ''];
        const took = stepSeconds(step);
        return (
          <li
            key={step.name}
            className={classes.step}
            data-state={step.state}
            aria-current={step.state === 'running' ? 'step' : undefined}
          >
            <span className={classes.stepIcon}>
              <StepIcon state={step.state} />
            </span>
            <div className={classes.stepBody}>
              <Text size="sm" fw={step.state === 'running' ? 650 : 500} className={classes.stepTitle}>
                {title}
                <span className={classes.stepState}>
                  {took ?? STATE_TEXT[step.state]}
                  {step.attempt > 1 && `, attempt ${step.attempt}`}
                </span>
              </Text>
              {step.state === 'running' && (
                <Text size="xs" c="dimmed">
                  {what}
                </Text>
              )}
              {step.name === 'train' && step.state === 'running' && run.progress !== null && (
                <Training progress={run.progress} />
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
