import { z } from 'zod';
import type { Freeze } from '../core/freeze.ts';
import { message, name, oneOf, textOf } from './fields.ts';
import { list } from './shapes.ts';
import { isZone } from './zone.ts';

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
/** Freezes in one calendar; more are no plan that anybody follows. */
const MAX_FREEZES = 100;

const wallTime = () =>
  textOf('local time', 'a local time such as 2026-11-20 or 2026-11-20T18:00', (text) => {
    const match = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}))?$/.exec(text);
    if (match === null) return undefined;
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = match.slice(1).map((part) => Number(part ?? 0));
    const at = Date.UTC(year, month - 1, day, hour, minute);
    // Date.UTC turns 30 February into 2 March, and 24:00 into the next day.
    return new Date(at).toISOString().slice(0, 10) === match[0].slice(0, 10) && hour < 24 && minute < 60
      ? at
      : undefined;
  });

const hours = () =>
  textOf('hours', 'hours such as 18:00-24:00, or 22:00-06:00 into the next day', (text) => {
    const match = /^(\d{2}):(\d{2})-(\d{2}):(\d{2})$/.exec(text);
    if (match === null) return undefined;
    const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = match.slice(1).map(Number);
    const [from, to] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
    const isValid = from < 1_440 && to <= 1_440 && fromMinute < 60 && toMinute < 60 && from !== to;
    return isValid ? { from, to } : undefined;
  });

const zone = () =>
  textOf('time zone', 'a time zone of the IANA data such as Europe/Berlin or UTC', (text) =>
    isZone(text) ? text : undefined,
  );

const EITHER = '{name, from, to} or {name, weekdays, hours}';

const freeze = z
  .strictObject(
    {
      name: name('a freeze').meta({ description: 'Shown wherever something waits for its end.' }),
      from: wallTime()
        .exactOptional()
        .meta({ description: 'Once: from then, in local time. A date alone is its midnight.' }),
      to: wallTime().exactOptional().meta({ description: 'Once: until before then, in local time.' }),
      weekdays: list(oneOf(WEEKDAYS), 7, 1)
        .exactOptional()
        .meta({ description: 'Every week: on the days on which `hours` begin.' }),
      hours: hours().exactOptional().meta({
        description:
          'Every week: from and until, in local time. Absent: the whole day. An end before the beginning is that of the next day.',
      }),
      zone: zone().prefault('UTC').meta({
        description: 'Whose local time it is. A local time that comes twice when clocks are put back is frozen twice.',
      }),
    },
    { error: EITHER },
  )
  .transform((given, context): Freeze => {
    const { from, to, weekdays, hours: daily } = given;
    const refuse = (hint: string): never => {
      context.addIssue({ code: 'custom', message: message(EITHER, hint) });
      return z.NEVER;
    };
    if (weekdays !== undefined && from === undefined && to === undefined) {
      const { from: fromMinute, to: toMinute } = daily ?? { from: 0, to: 1_440 };
      const days = WEEKDAYS.flatMap((day, index) => (weekdays.includes(day) ? [index] : []));
      return { name: given.name, zone: given.zone, weekdays: days, fromMinute, toMinute };
    }
    if (weekdays !== undefined || daily !== undefined) return refuse('Give `from` and `to`, or `weekdays`; not both.');
    if (from === undefined || to === undefined) return refuse('Give both `from` and `to`, or `weekdays`.');
    if (to <= from) return refuse('`to` must come after `from`.');
    return { name: given.name, zone: given.zone, fromLocal: from, toLocal: to };
  });

/** When nothing is raised. */
export const freezes = list(freeze.meta({ title: 'freeze' }), MAX_FREEZES)
  .prefault([])
  .meta({
    description:
      'Times in which nothing is raised, opened or promoted, such as a sales season. Rollback and lowering always work, and what is wrong is taken back. `cutover freeze` and `cutover unfreeze` do the same by hand.',
  });
