import type { Command } from 'commander';
import { z } from 'zod';
import { type Status, status } from '../../api/types.ts';
import { isCutoverError } from '../../core/errors.ts';
import {
  clientOf,
  define,
  EXIT,
  parseInterval,
  type RemoteOptions,
  remote,
  scopeFlags,
  scopeText,
} from '../command.ts';
import {
  colour,
  count,
  errorColour,
  isOutputClosed,
  milliseconds,
  moment,
  percent,
  ppm,
  print,
  printError,
  printJson,
  safe,
} from '../output.ts';

interface StatusOptions extends RemoteOptions {
  readonly watch?: number | true;
}

const DEFAULT_WATCH_MS = 2_000;

/** `cutover status`: what is served by what, and why, in ten seconds. */
export function addStatus(program: Command): void {
  const command = remote(
    program.command('status').description('what is served by what, how alike the sides are, and what is wrong'),
  ).option('--watch [interval]', 'show it again and again (default 2s)', parseInterval);
  define<StatusOptions>(
    command,
    ['cutover status', 'cutover status --watch 5s', 'cutover status --output json'],
    async (options) => {
      const client = clientOf(options);
      const show = async (): Promise<void> => {
        const now = await client.call('GET', 'status', status);
        if (options.output === 'json') printJson(now);
        else printStatus(now, client.url);
      };
      await show();
      if (options.watch === undefined) return EXIT.done;
      const interval = options.watch === true ? DEFAULT_WATCH_MS : options.watch;
      // Until somebody ends it, or nobody reads it any more.
      while (!isOutputClosed()) {
        await new Promise((resolve) => setTimeout(resolve, interval));
        if (options.output === 'text' && process.stdout.isTTY === true) process.stdout.write('\u001b[2J\u001b[H');
        try {
          await show();
        } catch (error) {
          // Whoever watches wants to see it come back.
          if (!isCutoverError(error)) throw error;
          printError(errorColour.red(safe(error.message)));
        }
      }
      return EXIT.done;
    },
  );
}

function printStatus(now: Status, url: string): void {
  for (const latch of now.latches) {
    print(
      colour.red(
        colour.bold(
          `ROLLED BACK: ${safe(scopeText(latch.scope))}, by ${safe(latch.actor)}${latch.reason === '' ? '' : `: ${safe(latch.reason)}`}. The control serves until cutover unlatch${safe(scopeFlags(latch.scope))}.`,
        ),
      ),
    );
  }
  if (now.frozen !== undefined) {
    const { name, until, actor, reason = '' } = now.frozen;
    const who = actor === undefined ? `the calendar (${name})` : actor;
    print(
      colour.yellow(
        `FROZEN until ${moment(until)} by ${safe(who)}${reason === '' ? '' : `: ${safe(reason)}`}. Nothing is raised or opened; rollback works.`,
      ),
    );
  }
  for (const warning of now.warnings) print(colour.yellow(`! ${safe(warning)}`));
  // The first is in the warning.
  for (const problem of now.plan.file.problems.slice(1)) print(colour.yellow(`  ${safe(problem.text)}`));
  const total = Object.values(now.verdicts).reduce((sum, value) => sum + value, 0);
  const { match, ignored, mismatch, inconclusive } = now.verdicts;
  const unverified = Object.entries(now.unverified).filter(([, value]) => value > 0);
  print(
    `${colour.bold('Served')}     candidate ${colour.bold(ppm(now.candidatePpm))} of the last minute; ${count(now.served.candidate)} of ${count(now.requests)} in all, ${count(now.failedOver)} saved by the control, ${count(now.failed)} failed`,
  );
  print(
    `${colour.bold('Parity')}     ${colour.bold(percent(now.parity))} of ${count(total)} comparisons: ${count(match)} match, ${count(mismatch)} differ, ${count(ignored)} ignored, ${count(inconclusive)} inconclusive`,
  );
  print(
    `${colour.bold('Verified')}   ${percent(now.verifiedShare)} of requests${unverified.length === 0 ? '' : `; unverified: ${unverified.map(([reason, value]) => `${count(value)} ${safe(reason)}`).join(', ')}`}`,
  );
  for (const [name, values] of [
    ['control', now.latencyMs.control],
    ['candidate', now.latencyMs.candidate],
    ['added', now.latencyMs.added],
  ] as const) {
    print(
      `${name === 'control' ? colour.bold('Latency   ') : '          '} ${name.padEnd(9)} p50 ${milliseconds(values.p50)}, p95 ${milliseconds(values.p95)}, p99 ${milliseconds(values.p99)}`,
    );
  }
  for (const side of ['control', 'candidate'] as const) {
    const targets = now.sides[side].targets.map((target) =>
      target.healthy ? safe(target.target) : colour.red(`${safe(target.target)} (${safe(target.reason)})`),
    );
    print(`${colour.bold(side.padEnd(10))} ${targets.join(', ')}, version ${safe(now.sides[side].version)}`);
  }
  const cells = Object.entries(now.cells)
    .filter(([, value]) => value > 0)
    .map(([state, value]) => `${count(value)} ${state}`);
  print(
    `${colour.bold('Found')}      ${count(now.endpoints)} endpoints, cells: ${cells.join(', ') || 'none'}; ${count(now.clusters)} clusters, noise on ${count(now.noisePaths)} paths`,
  );
  for (const sentence of now.missing.slice(0, 5)) print(colour.dim(`missing    ${safe(sentence)}`));
  print(
    colour.dim(
      `${safe(now.state)} since ${new Date(now.startedAt).toISOString()}, plan ${now.plan.revision}, table ${now.revision}, ${url}`,
    ),
  );
}

/** `cutover version`. */
export function addVersion(program: Command, version: string): void {
  const command = program.command('version').description('the version of this command line');
  define(command, ['cutover version', 'cutover version --output json'], async (options) => {
    const value = { version, node: process.versions.node };
    if (options.output === 'json') printJson(z.object({ version: z.string(), node: z.string() }).parse(value));
    else print(`cutover ${version} on Node ${process.versions.node}`);
    return EXIT.done;
  });
}
