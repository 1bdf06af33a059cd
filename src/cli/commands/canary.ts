import { type Command, InvalidArgumentError } from 'commander';
import type { z } from 'zod';
import { canaryView } from '../../api/ramp-types.ts';
import { changed } from '../../api/routes.ts';
import { clientOf, define, EXIT, type RemoteOptions, reasoned, remote } from '../command.ts';
import { colour, moment, ppm, print, printJson, safe } from '../output.ts';

/** `cutover canary [promote|abort]`; without a word, what there is. */
export function addCanary(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('canary')
        .description('the canary of a new candidate version, and how it ends')
        .argument('[action]', 'promote: all that is open returns at once; abort: nothing does', parseAction),
    ),
  );
  define<RemoteOptions & { readonly reason?: string }>(
    command,
    ['cutover canary', "cutover canary promote --reason 'errors were those of the load test'", 'cutover canary abort'],
    async (options, action) => {
      if (action === undefined) return show(options);
      const body = { action, reason: options.reason ?? '' };
      const done = await clientOf(options).call('POST', 'canary', changed, body);
      if (options.output === 'json') printJson(done);
      else if (action === 'promote') print('The canary is over: what is open is served as its dials say.');
      else
        print(
          'The canary is over: nothing goes to the candidate by a dial. Bring it back with: cutover canary promote',
        );
      return EXIT.done;
    },
  );
}

async function show(options: RemoteOptions): Promise<number> {
  const answer = await clientOf(options).call('GET', 'canary', canaryView);
  if (options.output === 'json') printJson(answer);
  else if (answer.canary === null) print('There is no canary: what is open is served as its dials say.');
  else showCanary(answer.canary);
  return EXIT.done;
}

function showCanary(canary: NonNullable<z.infer<typeof canaryView>['canary']>): void {
  const { version, state, sharePpm, at, actor, reason, waitsFor } = canary;
  const what = state === 'failed' ? 'has failed: no dial counts' : `has at most ${ppm(sharePpm)} of what is open`;
  print(`${colour.bold(safe(version))} ${what}, since ${moment(at)} by ${safe(actor)}: ${safe(reason)}`);
  if (waitsFor !== undefined) print(`It waits for ${safe(waitsFor)}.`);
}

function parseAction(text: string): string {
  if (text === 'promote' || text === 'abort') return text;
  throw new InvalidArgumentError('Give promote or abort, or nothing to see what there is.');
}
