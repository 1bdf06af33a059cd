import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Contender, Origin } from './contender.ts';
import { CONTENDERS } from './contenders.ts';
import type { Load, LoadPlan } from './generator.ts';
import { cpuMicroseconds, type Running, residentMegabytes, start } from './process.ts';
import { prove } from './proof.ts';
import { type Case, print, type Round, summarise } from './proxy-report.ts';

const PROXY_CPU = Math.max(0, cpus().length - 1);
const LOAD_CPU = 0;
/** Share of the highest rate at which latencies are taken: below saturation, where a proxy is meant to run. */
const PACED_SHARE = 0.7;
const WARM_UP_MS = 1_500;

const CASES: readonly Case[] = [
  { name: '1 KB GET', answerBytes: 1_024, bodyBytes: 0 },
  { name: '20 KB GET', answerBytes: 20_480, bodyBytes: 0 },
  { name: '1 KB POST', answerBytes: 1_024, bodyBytes: 1_000 },
];

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
}

async function load(plan: LoadPlan): Promise<Load> {
  const running = start(process.execPath, [here('generator.ts'), JSON.stringify(plan)], LOAD_CPU);
  const measure = JSON.parse(await running.output()) as Load; // printed by generator.ts in this shape
  if (measure.errors > 0 || measure.requests === 0)
    throw new Error(`${measure.errors} of ${measure.requests} answers were wrong`);
  return measure;
}

async function round(contender: Contender, origin: Origin, what: Case, options: Options): Promise<Round> {
  const running = await contender.start(origin, PROXY_CPU);
  const { connections } = options;
  const milliseconds = options.seconds * 1_000;
  const base = { port: running.port, bodyBytes: what.bodyBytes };
  try {
    await load({ ...base, connections, milliseconds: WARM_UP_MS });
    const before = running.pid === 0 ? 0 : cpuMicroseconds(running.pid);
    const busy = await load({ ...base, connections, milliseconds });
    const cpuMicros = running.pid === 0 ? 0 : cpuMicroseconds(running.pid) - before;
    const residentMb = running.pid === 0 ? 0 : residentMegabytes(running.pid);
    const rate = (busy.requests / busy.elapsedMs) * 1_000 * PACED_SHARE;
    const paced = await load({ ...base, connections, milliseconds, rate });
    const alone = await load({ ...base, connections: 1, milliseconds: Math.min(2_000, milliseconds) });
    return { busy, paced, alone, cpuMicros, residentMb };
  } finally {
    await running.stop();
  }
}

/** Starts two of a server for as long as `use` takes, and gives it their ports. */
async function withOrigins<T>(file: string, args: readonly string[], use: (origin: Origin) => Promise<T>): Promise<T> {
  const servers: Running[] = [0, 1].map(() => start(process.execPath, [here(file), ...args], LOAD_CPU));
  try {
    const [port = 0, second = 0] = await Promise.all(
      servers.map(async (server) => Number((await server.line(/listening (\d+)/))[1])),
    );
    return await use({ port, second });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

function here(file: string): string {
  return join(import.meta.dirname, file);
}

/** Every contender must answer a matrix of requests as the origin does, before any is measured. */
function proveAll(present: readonly Contender[]): Promise<number> {
  return withOrigins('proof-origin.ts', [], async (origin) => {
    let answers = 0;
    for (const contender of present) {
      console.error(`proving ${contender.name}`);
      const running = await contender.start(origin, PROXY_CPU);
      try {
        answers += await prove(contender.name, running.port, origin.port);
      } finally {
        await running.stop();
      }
    }
    return answers;
  });
}

/** Every contender in turn, round by round, so that a machine that slows down slows all of them. */
function measure(what: Case, present: readonly Contender[], options: Options): Promise<Map<string, Round[]>> {
  return withOrigins('origin.ts', [String(what.answerBytes)], async (origin) => {
    const results = new Map<string, Round[]>(present.map(({ name }) => [name, []]));
    for (let number = 1; number <= options.rounds; number += 1) {
      for (const contender of present) {
        console.error(`${what.name}, round ${number} of ${options.rounds}: ${contender.name}`);
        results.get(contender.name)?.push(await round(contender, origin, what, options));
      }
    }
    return results;
  });
}

function number(args: readonly string[], name: string, fallback: number): number {
  const at = args.indexOf(`--${name}`);
  const value = at < 0 ? fallback : Number(args[at + 1]);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0`);
  return value;
}

/** The entries whose name is among the comma-separated ones of an option; all where it is absent. */
function chosen<T extends { readonly name: string }>(args: readonly string[], option: string, all: readonly T[]): T[] {
  const at = args.indexOf(`--${option}`);
  if (at < 0) return [...all];
  const names = (args[at + 1] ?? '').split(';').map((name) => name.trim());
  const unknown = names.filter((name) => !all.some((entry) => entry.name === name));
  if (unknown.length > 0) {
    throw new Error(`--${option} takes, separated by semicolons: ${all.map(({ name }) => name).join('; ')}`);
  }
  return all.filter(({ name }) => names.includes(name));
}

/** `--seconds 4 --rounds 3 --connections 64 --case '1 KB GET' --only 'nginx; cutover' --output json` */
export async function run(args: readonly string[]): Promise<void> {
  const options: Options = {
    seconds: number(args, 'seconds', 4),
    rounds: number(args, 'rounds', 3),
    connections: number(args, 'connections', 64),
  };
  const cases = chosen(args, 'case', CASES);
  const left: string[] = [];
  const present = chosen(args, 'only', CONTENDERS).filter((contender) => {
    const missing = contender.missing();
    if (missing !== undefined) left.push(`${contender.name}: ${missing}`);
    return missing === undefined;
  });
  for (const line of left) console.error(`left out: ${line}`);
  const proven = await proveAll(present);
  const npm = present.filter(({ isNpm }) => isNpm === true).map(({ name }) => name);
  const tables = [];
  for (const what of cases) tables.push(summarise(what, await measure(what, present, options), npm));
  print(
    { settings: options, proven, left, tables },
    args[args.indexOf('--output') + 1] === 'json' && args.includes('--output'),
  );
}
