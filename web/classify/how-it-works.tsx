/** The loop in three sentences, for those who see the page for the first time. */
import { Text } from '@mantine/core';
import { IconChecks, IconPhotoSearch, IconRefresh } from '@tabler/icons-react';
import classes from './classify.module.css';

const PARTS = [
  { icon: IconPhotoSearch, title: 'Classify', text: 'The answer comes with the probability of every class.' },
  { icon: IconChecks, title: 'Correct', text: 'Say that it is right, or choose the class that is.' },
  {
    icon: IconRefresh,
    title: 'Learn',
    text: 'Each retrain learns from the corrections. A new version serves only if it is at least as good.',
  },
];

export function HowItWorks() {
  return (
    <ol className={classes.how} aria-label="How it works">
      {PARTS.map(({ icon: Icon, title, text }) => (
        <li key={title}>
          <Icon size={22} stroke={1.6} aria-hidden />
          <div>
            <Text fw={650} size="sm">
              {title}
            </Text>
            <Text size="sm" c="dimmed">
              {text}
            </Text>
          </div>
        </li>
      ))}
    </ol>
  );
}
