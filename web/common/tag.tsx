/** A short word about a thing's state. The word says it all; the colour only helps. */
import type { ReactNode } from 'react';
import classes from './tag.module.css';

export function Tag(props: {
  readonly tone: 'good' | 'warn' | 'bad' | 'accent' | 'quiet';
  readonly children: ReactNode;
}) {
  return (
    <span className={classes.tag} data-tone={props.tone}>
      {props.children}
    </span>
  );
}
