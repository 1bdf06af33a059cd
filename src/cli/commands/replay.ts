import { appendFileSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { Option } from 'commander';
import { z } from 'zod';
import type { Replayed } from '../../app/replay.ts';
import { type Baseline, FAIL_ON, type FailOn, type ReplayReport } from '../../app/replay-report.ts';
import { CutoverError } from '../../core/errors.ts';
import {
  collect,
  define,
  EXIT,
  parseDuration,
  parseHeader,
  parseWhole,
  type RemoteOptions,
  remote,
} from '../command.ts';
import { type Column, colour, count, errorColour, print, printError, printJson, printTable, safe } from '../output.ts';
import type { Source } from '../recorded-source.ts';

interface ReplayOptions extends Omit<RemoteOptions, 'output'> {
  readonly output: 'text' | 'json' | 'md';
  readonly candidate: string;
  readonly control?: string;
  readonly since: number;
  readonly endpoint?: string;
  readonly sample?: number;
  readonly failOn: FailOn;
  readonly from?: string;
  readonly learn?: string;
  readonly config?: string;
  readonly baseline?: string;
  readonly header?: readonly string[];
  readonly cookie?: readonly string[];
  readonly credentials?: string;
  readonly anonymous?: true;
  readonly publicCredentials?: true;
  readonly rate: number;
  readonly concurrency: number;
  readonly summary?: string;
}

/** `cutover replay`: recorded requests against a candidate that does not serve yet. */
export function addReplay(program: Command): void {
  const command = remote(
    program
      .command('replay')
      .description(
        'ask a candidate the recorded safe requests, and say what became better and worse: for continuous integration',
      )
      .requiredOption('--candidate <url>', 'address of the candidate to examine'),
  )
    .option('--control <url>', 'ask this control as well; otherwise what it answered then counts')
    .option('--since <time>', 'recordings of this last time: 1d, 2h', parseDuration, parseDuration('1d'))
    .option('--endpoint <name>', "only this endpoint, such as 'GET /orders/{id}'")
    .option('--sample <n>', 'at most so many requests, spread over endpoints', parseWhole(1, 5_000))
    .addOption(
      new Option('--fail-on <what>', 'end with 3 on causes that are new, on any difference, on none')
        .choices(FAIL_ON)
        .default('new-clusters'),
    )
    .option('--from <file>', 'recorded traffic from a file (NDJSON pairs, or .har) instead of a running Cutover')
    .option('--learn <file>', 'recorded pairs with controlAgain that teach noise first; with --from')
    .option('-c, --config <file>', 'take rules and headers from this configuration')
    .option('--baseline <file>', 'JSON of an earlier replay: what it found is known')
    .option(
      '-H, --header <line>',
      "value of a header that was replaced as a secret, as 'name: value'; may be repeated",
      collect,
    )
    .option('--cookie <pair>', "value of a cookie, as 'name=value'; may be repeated", collect)
    .option('--credentials <file>', "the same from a file: lines such as 'header:authorization: Bearer …'")
    .option('--anonymous', 'ask requests that lack secrets without them')
    .option('--public-credentials', 'secrets may go to addresses that are not private')
    .option('--rate <n>', 'requests begun a second', parseWhole(1, 100), 5)
    .option('--concurrency <n>', 'requests in flight', parseWhole(1, 32), 4)
    .option('--summary <file>', 'add the Markdown summary to this file as well, such as $GITHUB_STEP_SUMMARY')
    .addHelpText(
      'after',
      '\nOnly safe requests are sent, never such as act. Ends with 0 where the gate is met, 3 where it is not,\n1 where nothing could be asked. Nothing is counted as evidence and nothing is stored.',
    );
  define<ReplayOptions>(
    command,
    [
      'cutover replay --since 1d --candidate http://127.0.0.1:4000 --control http://127.0.0.1:3000',
      'cutover replay --from recorded.ndjson --candidate http://127.0.0.1:4000 --fail-on any --output md',
    ],
    runReplay,
    { modes: ['md'], says: ', md for a pull request' },
  );
}

async function runReplay(options: ReplayOptions): Promise<number> {
  if (options.learn !== undefined && options.from === undefined)
    throw new CutoverError('USAGE', '--learn goes with --from.');
  const credentials = await credentialsOf(options);
  const { sourceOf } = await import('../recorded-source.ts');
  const { output: _, ...where } = options;
  const source = await sourceOf(
    { ...where, output: 'text' },
    {
      // A file is what somebody chose: its age says nothing.
      ...(options.from === undefined ? { since: Date.now() - options.since } : {}),
      ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    },
  );
  const replayed = await send(options, source, credentials);
  const { replayMarkdown, replayReport } = await import('../../app/replay-report.ts');
  const report = replayReport(replayed, baselineOf(options, source), options.failOn);
  if (options.summary !== undefined) appendTo(options.summary, replayMarkdown(report));
  if (options.output === 'json') printJson(report);
  else if (options.output === 'md') print(replayMarkdown(report).trimEnd());
  else await printReport(report);
  if (source.bad > 0) return EXIT.usage;
  if (report.asked === 0) {
    printError(errorColour.yellow('Nothing was asked: no recorded request could be sent.'));
    return EXIT.failed;
  }
  return report.met ? EXIT.done : EXIT.gate;
}

async function send(
  options: ReplayOptions,
  source: Source,
  credentials: ReadonlyMap<string, string>,
): Promise<readonly Replayed[]> {
  const { replay, sampleOf } = await import('../../app/replay.ts');
  const { comparerOf } = await import('../../app/recorded-traffic.ts');
  const { candidateCredentials } = await import('../../app/policy.ts');
  const recorded = options.sample === undefined ? source.recorded : sampleOf(source.recorded, options.sample);
  return replay({
    recorded,
    candidate: options.candidate,
    ...(options.control === undefined ? {} : { control: options.control }),
    comparer: comparerOf(source.standard),
    credentials,
    credentialMap: await candidateCredentials(options.config),
    anonymous: options.anonymous === true,
    publicCredentials: options.publicCredentials === true,
    perSecond: options.rate,
    concurrency: options.concurrency,
    onDone: progress,
  });
}

/** A line on standard error now and then; none per request. */
function progress(done: number, of: number): void {
  if (done === of || done % 50 === 0) printError(errorColour.dim(`asked ${count(done)} of ${count(of)}`));
}

/** Secrets from the caller's machine, by the names the recordings lack them under. */
async function credentialsOf(options: ReplayOptions): Promise<ReadonlyMap<string, string>> {
  const { readCredentials } = await import('../../app/restore-request.ts');
  const found = new Map(options.credentials === undefined ? [] : readCredentials(options.credentials));
  for (const [name, value] of (options.header ?? []).map(parseHeader)) found.set(`header:${name.toLowerCase()}`, value);
  for (const pair of options.cookie ?? []) {
    const match = /^([^=;\s]+)=([^;]*)$/.exec(pair);
    if (match === null) throw new CutoverError('USAGE', `${pair} is no cookie.`, { hint: "Give it as 'name=value'." });
    found.set(`cookie:${(match[1] ?? '').toLowerCase()}`, match[2] ?? '');
  }
  return found;
}

const earlier = z.object({
  parity: z.number().nullable(),
  clusters: z.object({ new: z.array(z.object({ id: z.string() })), known: z.array(z.object({ id: z.string() })) }),
});

function baselineOf(options: ReplayOptions, source: Source): Baseline {
  if (options.baseline === undefined) return { clusters: source.clusters };
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(options.baseline, 'utf8'));
  } catch (error) {
    throw new CutoverError('USAGE', `The baseline ${options.baseline} cannot be read.`, { cause: error });
  }
  const parsed = earlier.safeParse(value);
  if (!parsed.success)
    throw new CutoverError('USAGE', `${options.baseline} is no report of a replay.`, {
      hint: 'It is what cutover replay --output json prints.',
    });
  const { parity, clusters } = parsed.data;
  return {
    clusters: new Set([...source.clusters, ...[...clusters.new, ...clusters.known].map(({ id }) => id)]),
    parity,
  };
}

function appendTo(file: string, text: string): void {
  try {
    appendFileSync(file, text);
  } catch (error) {
    throw new CutoverError('USAGE', `The summary cannot be written to ${file}.`, { cause: error });
  }
}

type Row = ReplayReport['clusters']['new'][number] & { readonly isNew: boolean };

const COLUMNS: readonly Column<Row>[] = [
  { title: 'cluster', value: (row) => row.id },
  {
    title: '',
    value: (row) => (row.isNew ? 'new' : 'known'),
    paint: (text, row) => (row.isNew ? colour.red(text) : text),
  },
  { title: 'requests', value: (row) => count(row.requests), right: true },
  { title: 'endpoint', value: (row) => row.endpoint, flexible: true },
  { title: 'path', value: (row) => row.pathPattern, flexible: true },
  { title: 'kind', value: (row) => row.kind },
  { title: 'example', value: (row) => row.example, flexible: true, spare: 1 },
];

async function printReport(report: ReplayReport): Promise<void> {
  const { replayLine, skippedLines } = await import('../../app/replay-report.ts');
  const { verdicts, clusters } = report;
  const rows = [
    ...clusters.new.map((one) => ({ ...one, isNew: true })),
    ...clusters.known.map((one) => ({ ...one, isNew: false })),
  ];
  if (rows.length > 0) printTable(rows, COLUMNS);
  for (const line of skippedLines(report)) print(colour.yellow(safe(line)));
  print(
    `${count(report.asked)} asked: ${count(verdicts.match)} match, ${count(verdicts.mismatch)} differ, ${count(verdicts.ignored)} ignored, ${count(verdicts.inconclusive)} inconclusive`,
  );
  print(colour.bold(replayLine(report)));
  print(report.met ? colour.green('gate met') : colour.red(`gate not met (--fail-on ${report.failOn})`));
}
