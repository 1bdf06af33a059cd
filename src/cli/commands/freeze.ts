import type { Command } from 'commander';
import { closed } from '../../api/ramp-types.ts';
import { changed } from '../../api/routes.ts';
import { CutoverError } from '../../core/errors.ts';
import {
  type ChangeOptions,
  clientOf,
  define,
  EXIT,
  parseMoment,
  type RemoteOptions,
  reasoned,
  remote,
  scoped,
  scopeOf,
  scopeText,
} from '../command.ts';
import { colour, count, moment, print, printJson, safe } from '../output.ts';

interface FreezeOptions extends RemoteOptions {
  readonly until: number;
  readonly reason?: string;
}

/** `cutover freeze --until WHEN`. */
export function addFreeze(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('freeze')
        .description('raise, open and promote nothing until then; rollback and lowering always work'),
    ),
  ).requiredOption(
    '--until <when>',
    'a date (2026-12-01), a time (2026-12-01T06:00), or a time from now (2d)',
    parseMoment,
  );
  define<FreezeOptions>(
    command,
    [
      "cutover freeze --until 2026-12-01T06:00 --reason 'sales season'",
      "cutover freeze --until 4h --reason 'load test'",
    ],
    async ({ until, reason = '', ...options }) => {
      if (reason === '') throw new CutoverError('USAGE', 'A freeze takes a reason.', { hint: "Give --reason 'why'." });
      const done = await clientOf(options).call('POST', 'freeze', changed, { until, reason });
      if (options.output === 'json') printJson(done);
      else {
        print(`Frozen until ${moment(until)}: nothing is raised or opened; what is wrong is still taken back.`);
        print(colour.dim('Lift it before with: cutover unfreeze'));
      }
      return EXIT.done;
    },
  );
}

/** `cutover unfreeze`. */
export function addUnfreeze(program: Command): void {
  const command = reasoned(
    remote(program.command('unfreeze').description('lift the freeze by hand, and that of the calendar until its end')),
  );
  define<RemoteOptions & { readonly reason?: string }>(
    command,
    ["cutover unfreeze --reason 'the sale is over'"],
    async (options) => {
      const done = await clientOf(options).call('POST', 'unfreeze', changed, { reason: options.reason ?? '' });
      if (options.output === 'json') printJson(done);
      else print('Nothing is frozen: evidence promotes again.');
      return EXIT.done;
    },
  );
}

/** `cutover close`: back to the control, without a latch. */
export function addClose(program: Command): void {
  const command = reasoned(
    scoped(
      remote(
        program
          .command('close')
          .description('take a scope back without a latch: its cells and ramps earn it anew by evidence'),
      ),
    ),
  );
  define<ChangeOptions>(
    command,
    [
      "cutover close --tenant acme --endpoint 'GET /orders/{id}' --reason 'wrong totals'",
      'cutover close --cohort beta',
    ],
    async (options) => {
      const scope = scopeOf(options);
      const done = await clientOf(options).call('POST', 'close', closed, { scope, reason: options.reason ?? '' });
      if (options.output === 'json') printJson(done);
      else if (done.cells === 0 && done.dials === 0)
        print(`Nothing of ${safe(scopeText(scope))} was served by the candidate under a proof or a ramp.`);
      else
        print(
          `Taken back of ${safe(scopeText(scope))}: ${count(done.cells)} ${done.cells === 1 ? 'cell' : 'cells'}, ${count(done.dials)} ${done.dials === 1 ? 'dial' : 'dials'} to 0. Pins and latches are as they were.`,
        );
      return EXIT.done;
    },
  );
}
