/** Every class with its probability, likeliest first. */
import { labelText, percent } from '../common/format.js';
import classes from './classify.module.css';

export function Bars(props: { readonly probabilities: Readonly<Record<string, number>> }) {
  const sorted = Object.entries(props.probabilities).sort((a, b) => b[1] - a[1]);
  return (
    <ul className={classes.bars} aria-label="Probability of each class">
      {sorted.map(([label, probability], index) => (
        <li key={label} className={classes.bar} data-first={index === 0 || undefined}>
          <span className={classes.barLabel}>{labelText(label)}</span>
          <span
            className={classes.barTrack}
            role="meter"
            aria-label={label}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.round(probability * 1000) / 10}
            aria-valuetext={percent(probability)}
          >
            <span className={classes.barFill} style={{ width: `${Math.max(probability * 100, 0.6)}%` }} />
          </span>
          <span className={classes.barValue} aria-hidden>
            {percent(probability)}
          </span>
        </li>
      ))}
    </ul>
  );
}
