import { expect } from 'chai';
import { cronOf, looksLikeCron } from '../../../temporal/cron.js';

const every = { second: [], year: [] };
const all = {
  minute: [{ start: 0, end: 59, step: 1 }],
  hour: [{ start: 0, end: 23, step: 1 }],
  dayOfMonth: [{ start: 1, end: 31, step: 1 }],
  month: [{ start: 'JANUARY' as const, end: 'DECEMBER' as const, step: 1 }],
  dayOfWeek: [{ start: 'SUNDAY' as const, end: 'SATURDAY' as const, step: 1 }],
};

describe('cron expressions', () => {
  it('are told from other text by their five fields', () => {
    for (const cron of ['0 3 * * 1', '*/15 0-6,20 1,15 JAN-MAR MON', '  0   3 * * 1 ']) {
      expect(looksLikeCron(cron), cron).to.equal(true);
    }
    for (const cron of ['', 'weekly', '@daily', '0 3 * *', '0 3 * * 1 2030', '0 3 * * 1;x', '0 3 * * #1']) {
      expect(looksLikeCron(cron), cron).to.equal(false);
    }
  });

  it('are read back from the calendars that the server keeps', () => {
    const calendar = {
      ...every,
      ...all,
      minute: [{ start: 0, end: 0, step: 1 }],
      hour: [{ start: 3, end: 3, step: 1 }],
      dayOfWeek: [{ start: 'MONDAY' as const, end: 'MONDAY' as const, step: 1 }],
    };
    expect(cronOf({ calendars: [calendar] })).to.equal('0 3 * * 1');
  });

  it('keep lists, ranges and steps', () => {
    const calendar = {
      ...every,
      minute: [{ start: 0, end: 59, step: 15 }],
      hour: [
        { start: 1, end: 1, step: 1 },
        { start: 8, end: 18, step: 2 },
      ],
      dayOfMonth: [{ start: 1, end: 7, step: 1 }],
      month: [{ start: 'JUNE' as const, end: 'AUGUST' as const, step: 1 }],
      dayOfWeek: all.dayOfWeek,
    };
    expect(cronOf({ calendars: [calendar] })).to.equal('*/15 1,8-18/2 1-7 6-8 *');
  });

  it('show several rules and intervals side by side', () => {
    const spec = { calendars: [{ ...every, ...all }], intervals: [{ every: 3_600_000, offset: 0 }] };
    expect(cronOf(spec)).to.equal('* * * * * | @every 3600s');
  });
});
