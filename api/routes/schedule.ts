/** The weekly schedule: show, change, trigger. */
import { withDeadline } from '../errors.js';
import { jsonBody, parse, type Mount } from '../http/router.js';
import type { AppPorts } from '../ports.js';
import { patchScheduleSchema } from '../schema.js';

export function mountSchedule(mount: Mount, ports: Pick<AppPorts, 'temporal' | 'settings'>): void {
  const { temporal, settings } = ports;
  const { deadlineMs } = settings;

  mount('getSchedule', async (_req, res) => {
    res.json(await withDeadline(temporal.schedule(), deadlineMs, 'Temporal'));
  });

  mount('changeSchedule', jsonBody, async (req, res) => {
    const { paused, cron, note } = parse(patchScheduleSchema, req.body);
    const change = {
      ...(paused === undefined ? {} : { paused }),
      ...(cron === undefined ? {} : { cron }),
      ...(note === undefined ? {} : { note }),
    };
    res.json(await withDeadline(temporal.updateSchedule(change), deadlineMs, 'Temporal'));
  });

  mount('triggerSchedule', async (_req, res) => {
    await withDeadline(temporal.triggerSchedule(), deadlineMs, 'Temporal');
    res.status(202).json(await withDeadline(temporal.schedule(), deadlineMs, 'Temporal'));
  });
}
