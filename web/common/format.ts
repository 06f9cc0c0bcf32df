/** Numbers and times as people read them. */

/** A probability (0 to 1) as a percentage that never claims certainty. */
export function percent(fraction: number): string {
  const value = fraction * 100;
  if (value > 99.9 && value < 100) return '> 99.9%';
  if (value > 0 && value < 0.1) return '< 0.1%';
  return `${value.toFixed(1)}%`;
}

/** An accuracy (0 to 1) with the digits that tell two good models apart. */
export function accuracy(fraction: number): string {
  return `${(fraction * 100).toFixed(2)}%`;
}

const dayAndTime = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const timeOnly = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** `Mon 30 Nov, 03:00`, in the reader's time zone. */
export function dateTime(iso: string): string {
  return dayAndTime.format(new Date(iso));
}

/** Only the time where it is today, else day and time. */
export function shortTime(iso: string, now = new Date()): string {
  const date = new Date(iso);
  return date.toDateString() === now.toDateString() ? timeOnly.format(date) : dayAndTime.format(date);
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** `in 6 days`, `2 minutes ago`, `just now`. */
export function fromNow(iso: string, now = Date.now()): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return seconds > 0 ? 'in less than a minute' : 'just now';
}

/** `42 s`, `3 min 5 s`, `1 h 12 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}

/** `20 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(bytes < 10_000_000 ? 1 : 0).replace(/\.0$/, '')} MB`;
}

/** A label as people read it: the wire word `none` is a sentence of its own. */
export function labelText(label: string): string {
  return label === 'none' ? 'None of these' : label;
}
