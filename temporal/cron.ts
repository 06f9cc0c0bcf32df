/** Five-field cron expressions: checked before they are sent, and read back from the calendars that the server keeps. */
import { DAYS_OF_WEEK, MONTHS } from '@temporalio/client';
import type { ScheduleDescription } from '@temporalio/client';

type Spec = ScheduleDescription['spec'];
type Calendar = NonNullable<Spec['calendars']>[number];
interface NumberRange {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** True for five fields of the characters that cron knows. Whether the values fit is the server's to say. */
export function looksLikeCron(cron: string): boolean {
  const fields = cron.trim().split(/\s+/);
  return fields.length === 5 && fields.every((field) => /^[0-9A-Za-z*/,-]+$/.test(field));
}

/** The cron expression of a schedule; several rules are joined with ` | `. */
export function cronOf(spec: Spec): string {
  const calendars = (spec.calendars ?? []).map(calendarToCron);
  const intervals = (spec.intervals ?? []).map(({ every }) => `@every ${every / 1000}s`);
  return [...calendars, ...intervals].join(' | ');
}

function calendarToCron(calendar: Calendar): string {
  const months = calendar.month.map((range) => ({
    start: MONTHS.indexOf(range.start) + 1,
    end: MONTHS.indexOf(range.end) + 1,
    step: range.step,
  }));
  const days = calendar.dayOfWeek.map((range) => ({
    start: DAYS_OF_WEEK.indexOf(range.start),
    end: DAYS_OF_WEEK.indexOf(range.end),
    step: range.step,
  }));
  return [
    field(calendar.minute, 0, 59),
    field(calendar.hour, 0, 23),
    field(calendar.dayOfMonth, 1, 31),
    field(months, 1, 12),
    field(days, 0, 6),
  ].join(' ');
}

function field(ranges: readonly NumberRange[], least: number, most: number): string {
  const texts = ranges.map(({ start, end, step }) => {
    const every = step > 1 ? `/${step}` : '';
    if (start === least && end >= most) return `*${every}`;
    return end > start ? `${start}-${end}${every}` : String(start);
  });
  return texts.length === 0 ? '*' : texts.join(',');
}
