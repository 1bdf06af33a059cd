import type { Command } from 'commander';
import { comparison, learnedNoise } from '../../api/recording-types.ts';
import { mismatch, status } from '../../api/types.ts';
import type { PairLine } from '../../app/compare-pairs.ts';
import type { Comparer } from '../../app/recorded-traffic.ts';
import { CutoverError, isCutoverError } from '../../core/errors.ts';
import type { Verdict } from '../../core/verdict.ts';
import type { ApiClient } from '../api-client.ts';
import {
  type CommonOptions,
  clientOf,
  collect,
  define,
  EXIT,
  parseHeader,
  type RemoteOptions,
  remote,
} from '../command.ts';
import { colour, count, errorColour, print, printError, printJson, printJsonLine, safe } from '../output.ts';
import { printDifferences } from './show.ts';

interface CompareOptions extends CommonOptions {
  readonly control?: string;
  readonly candidate?: string;
  readonly header?: readonly string[];
  readonly pairs?: string;
  readonly learn?: string;
  readonly config?: string;
}

const PAINT: Readonly<Record<Verdict, (text: string) => string>> = {
  match: colour.green,
  ignored: colour.dim,
  mismatch: colour.red,
  inconclusive: colour.yellow,
};

/** `cutover compare`: two servers now, or recorded pairs. */
export function addCompare(program: Command): void {
  const command = program
    .command('compare')
    .description('compare without serving: paths on two servers, or recorded pairs from a file')
    .argument('[paths...]', 'paths to ask both sides for')
    .option('--control <url>', 'address of the live service')
    .option('--candidate <url>', 'address of its rewrite')
    .option('-H, --header <line>', "a header to send, as 'name: value'; may be repeated", collect)
    .option('--pairs <file>', 'recorded pairs, one JSON object a line')
    .option('--learn <file>', 'recorded pairs with controlAgain that teach noise first')
    .option('-c, --config <file>', 'take rules and headers from this configuration')
    .addHelpText(
      'after',
      '\nEnds with 0 where all paths match, 3 where one differs, 1 where one cannot be told.\nWith --pairs: 0 where every line could be read, 2 where one could not; the verdicts are the output.',
    );
  define<CompareOptions>(
    command,
    [
      'cutover compare --control http://127.0.0.1:3000 --candidate http://127.0.0.1:4000 / /products/7',
      'cutover compare --pairs pairs.ndjson --learn learn.ndjson --output json',
    ],
    async (options, ...paths) => {
      if (options.pairs !== undefined) {
        if (paths.length > 0) throw new CutoverError('USAGE', 'Either paths or --pairs, not both.');
        return runPairs(options, options.pairs);
      }
      if (options.learn !== undefined) throw new CutoverError('USAGE', '--learn goes with --pairs.');
      return runPaths(options, paths);
    },
  );
}

async function runPairs(options: CompareOptions, pairs: string): Promise<number> {
  const sums: Record<Verdict, number> = { match: 0, ignored: 0, mismatch: 0, inconclusive: 0 };
  const isJson = options.output === 'json';
  const { comparePairFiles } = await import('../../app/compare-pairs.ts');
  const { badLines } = await comparePairFiles({
    pairs,
    ...(options.learn === undefined ? {} : { learn: options.learn }),
    ...(options.config === undefined ? {} : { config: options.config }),
    onResult: (result: PairLine) => {
      sums[result.verdict] += 1;
      if (isJson) printJsonLine(result);
      else if (result.verdict !== 'match') {
        print(`${PAINT[result.verdict](result.verdict.padEnd(12))} ${safe(result.id)}`);
        printDifferences(result.differences, result.differences.length);
      }
    },
    onBadLine: (place, message) => printError(safe(`${place}: ${message}`)),
  });
  if (!isJson) print(sumsText(sums));
  if (badLines > 0) return EXIT.usage;
  return EXIT.done;
}

function sumsText(sums: Readonly<Record<Verdict, number>>): string {
  return `${count(sums.match)} match, ${count(sums.mismatch)} differ, ${count(sums.ignored)} ignored, ${count(sums.inconclusive)} inconclusive`;
}

async function runPaths(options: CompareOptions, paths: readonly string[]): Promise<number> {
  if (options.control === undefined || options.candidate === undefined) {
    throw new CutoverError('USAGE', 'Both sides are needed.', {
      hint: 'cutover compare --control URL --candidate URL /path …, or --pairs FILE.',
    });
  }
  if (paths.length === 0)
    throw new CutoverError('USAGE', 'No path was given.', { hint: 'Name at least one, such as /.' });
  const { comparePaths } = await import('../../app/compare-paths.ts');
  const results = await comparePaths({
    control: options.control,
    candidate: options.candidate,
    paths,
    headers: (options.header ?? []).map(parseHeader),
    ...(options.config === undefined ? {} : { config: options.config }),
  });
  const sums: Record<Verdict, number> = { match: 0, ignored: 0, mismatch: 0, inconclusive: 0 };
  for (const { verdict } of results) sums[verdict] += 1;
  if (options.output === 'json') printJson(results);
  else {
    for (const result of results) {
      print(
        `${PAINT[result.verdict](result.verdict.padEnd(12))} ${safe(result.path)}${result.reason === undefined ? '' : colour.dim(`  (${safe(result.reason)})`)}`,
      );
      printDifferences(result.differences, result.differenceCount);
    }
    print(sumsText(sums));
  }
  return exitOf(sums);
}

/** A gate that is not met weighs more than one that could not be examined. */
function exitOf(sums: Readonly<Record<Verdict, number>>): number {
  if (sums.mismatch > 0) return EXIT.gate;
  return sums.inconclusive > 0 ? EXIT.failed : EXIT.done;
}

interface ReproOptions extends RemoteOptions {
  readonly control?: string;
  readonly candidate?: string;
  readonly credentials?: string;
  readonly config?: string;
  readonly withEffects?: true;
}

/** `cutover repro ID`. */
export function addRepro(program: Command): void {
  const command = remote(
    program
      .command('repro')
      .description(
        'send a stored request, after what led to it, to both sides from this machine and show what still differs',
      )
      .argument('<id>', 'a mismatch'),
  )
    .option('--control <url>', 'another control, for example of a test environment')
    .option('--candidate <url>', 'another candidate, for example http://localhost:3000')
    .option('--credentials <file>', "values of the secrets it lacks: lines such as 'header:authorization: Bearer …'")
    .option('-c, --config <file>', 'take rules and headers from this configuration')
    .option('--with-effects', 'send it even if it changes something; the control is then asked only once');
  define<ReproOptions>(
    command,
    ['cutover repro m3k2a9x01', 'cutover repro m3k2a9x01 --candidate http://localhost:3000 --credentials secrets.txt'],
    async (options, id) => {
      const { reproduce } = await import('../../app/repro.ts');
      const { readCredentials } = await import('../../app/restore-request.ts');
      const credentials = options.credentials === undefined ? new Map() : readCredentials(options.credentials);
      const client = clientOf(options);
      const stored = await client.call('GET', `mismatches/${encodeURIComponent(id ?? '')}`, mismatch);
      const now = await client.call('GET', 'status', status);
      const comparer = options.config === undefined ? await comparerInForce(client, stored.endpoint) : undefined;
      const result = await reproduce({
        mismatch: stored,
        ...(comparer === undefined ? {} : { comparer }),
        control: options.control ?? now.sides.control.targets[0]?.target ?? '',
        candidate: options.candidate ?? now.sides.candidate.targets[0]?.target ?? '',
        credentials,
        ...(options.config === undefined ? {} : { config: options.config }),
        withEffects: options.withEffects === true,
      });
      if (options.output === 'json') printJson(result);
      else {
        print(
          `${PAINT[result.verdict](result.verdict)}  ${safe(`${stored.method} ${stored.target}`)}${result.reason === undefined ? '' : colour.dim(`  (${safe(result.reason)})`)}`,
        );
        for (const [at, step] of result.steps.entries()) {
          print(
            colour.dim(
              safe(`  after ${at + 1}. ${step.request}: control ${step.control}, candidate ${step.candidate}`),
            ),
          );
          for (const place of step.lost) printError(errorColour.yellow(safe(`! an answer holds nothing at ${place}`)));
        }
        if (result.verdict === 'mismatch')
          print(
            colour.dim(
              result.sameCause ? '  the cause that was stored' : '  another cause than the one that was stored',
            ),
          );
        for (const name of result.missingSecrets)
          printError(errorColour.yellow(`! lacks ${safe(name)}; give it in --credentials FILE`));
        printDifferences(result.differences, result.differenceCount);
        print();
        for (const line of result.curl) print(colour.dim(safe(line)));
      }
      if (result.verdict === 'inconclusive') return EXIT.failed;
      return result.verdict === 'mismatch' ? EXIT.gate : EXIT.done;
    },
  );
}

/** Compares by the rules and the noise in force; undefined where the running Cutover is too old to tell them. */
async function comparerInForce(client: ApiClient, endpoint: string): Promise<Comparer | undefined> {
  const { comparerOf, standardOf } = await import('../../app/recorded-traffic.ts');
  try {
    const rules = await client.call('GET', 'comparison', comparison);
    return comparerOf(standardOf(rules, await client.all('noise', learnedNoise)), endpoint);
  } catch (error) {
    if (isCutoverError(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
