import { z } from 'zod';
import { comparison, learnedNoise, type RecordingView, recording } from '../api/recording-types.ts';
import { cluster } from '../api/types.ts';
import {
  type Recorded,
  recordedOf,
  recordedOfPair,
  type Standard,
  standardOf,
  standardOfPairs,
} from '../app/recorded-traffic.ts';
import type { ApiClient } from './api-client.ts';
import { clientOf, type RemoteOptions } from './command.ts';
import { printError, safe } from './output.ts';

/** Recordings in one answer: each may hold two bodies of 64 KiB of text. */
const PER_PAGE = 20;
/** As many as the store keeps. */
const MOST = 5_000;

export interface SourceOptions extends RemoteOptions {
  /** Files of pairs, instead of a running Cutover. */
  readonly from?: string;
  readonly learn?: string;
  readonly config?: string;
}

/** Which recordings are wanted. */
export interface Wanted {
  /** Not older than this instant. */
  readonly since?: number;
  readonly endpoint?: string;
}

export interface Source {
  readonly recorded: readonly Recorded[];
  readonly standard: Standard;
  /** Ids of the clusters that are known. */
  readonly clusters: ReadonlySet<string>;
  /** Where the running Cutover finds its sides; empty for files. */
  readonly bad: number;
}

/** Recorded traffic and what it is compared by: from files, or of the running Cutover. */
export async function sourceOf(options: SourceOptions, wanted: Wanted): Promise<Source> {
  return options.from === undefined
    ? runningSource(clientOf(options), options, wanted)
    : fileSource(options.from, options, wanted);
}

async function runningSource(client: ApiClient, options: SourceOptions, wanted: Wanted): Promise<Source> {
  const views = await recordings(client, wanted);
  const standard = standardOf(
    await client.call('GET', 'comparison', comparison),
    await client.all('noise', learnedNoise),
  );
  const known = await client.all('clusters', cluster);
  return {
    recorded: views.map(recordedOf),
    standard: await withConfig(standard, options.config),
    clusters: new Set(known.map(({ id }) => id)),
    bad: 0,
  };
}

/** Rules of a file take the place of those in force: how would these do? */
async function withConfig(standard: Standard, config: string | undefined): Promise<Standard> {
  if (config === undefined) return standard;
  const { comparerOptions } = await import('../app/policy.ts');
  return { ...standard, options: await comparerOptions(config) };
}

async function fileSource(file: string, options: SourceOptions, wanted: Wanted): Promise<Source> {
  const { readPairsFile } = await import('../app/recorded-file.ts');
  const { comparerOptions } = await import('../app/policy.ts');
  const tell = (place: string, message: string): void => printError(safe(`${place}: ${message}`));
  const { pairs, bad } = await readPairsFile(file, tell);
  const lessons = options.learn === undefined ? { pairs: [], bad: 0 } : await readPairsFile(options.learn, tell);
  const standard = standardOfPairs(await comparerOptions(options.config), [...lessons.pairs, ...pairs]);
  const recorded = pairs
    .map(recordedOfPair)
    .filter(({ at, endpoint }) => isWanted({ at: at ?? Number.MAX_SAFE_INTEGER, endpoint }, wanted));
  return { recorded, standard, clusters: new Set(), bad: bad + lessons.bad };
}

function isWanted(one: { readonly at: number; readonly endpoint: string }, { since, endpoint }: Wanted): boolean {
  return one.at >= (since ?? 0) && (endpoint === undefined || one.endpoint === endpoint);
}

/** Recordings of the running Cutover, newest first. */
export async function recordings(client: ApiClient, { since, endpoint }: Wanted): Promise<readonly RecordingView[]> {
  const page = z.object({ items: z.array(recording), next: z.string().exactOptional() });
  const items: RecordingView[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(PER_PAGE) });
    if (cursor !== undefined) query.set('cursor', cursor);
    if (since !== undefined) query.set('since', String(since));
    if (endpoint !== undefined) query.set('endpoint', endpoint);
    const found = await client.call('GET', `recordings?${query}`, page);
    items.push(...found.items);
    cursor = found.next;
  } while (cursor !== undefined && items.length < MOST);
  return items;
}
