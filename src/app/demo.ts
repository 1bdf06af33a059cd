import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCatalogue } from '../../examples/storefront/catalogue.ts';
import type { TrafficReport } from '../../examples/storefront/traffic.ts';
import type { Quantiles, VerdictCounts } from '../api/types.ts';
import { parseSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { CutoverError } from '../core/errors.ts';
import { DemoApi } from './demo-api.ts';
import { type Application, Children, stopChild } from './demo-children.ts';
import { type DemoPlace, demoConfiguration } from './demo-config.ts';
import { MovementNews } from './demo-movement.ts';
import { type Outcome, outcomeOf } from './demo-outcome.ts';
import { Story, timeline } from './demo-story.ts';
import { progressLines } from './progress.ts';
import { type Running, startCutover } from './start.ts';

export interface DemoOptions {
  /** Undefined: until interrupted. */
  readonly durationMs: number | undefined;
  /** True: no progress, only the summary. */
  readonly headless: boolean;
  /** Ports of the proxy and of the control API; 0 is any free one. */
  readonly port: number;
  readonly apiPort: number;
  /** Requests a second the visitors make. */
  readonly rate: number;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What a demo came to. */
export interface DemoSummary extends Outcome {
  readonly requests: number;
  /** What a visitor would have noticed: errors, cut pages, pages of another shop. */
  readonly clientErrors: number;
  readonly compared: VerdictCounts;
  readonly unverified: number;
  readonly endpoints: number;
  readonly clusters: readonly {
    readonly endpoint: string;
    readonly kind: string;
    readonly path: string;
    readonly count: number;
  }[];
  /** Paths on which noise was learned. */
  readonly noise: number;
  /** Share of requests the candidate served, 0 to 1. */
  readonly candidateShare: number;
  readonly latencyMs: { readonly control: Quantiles; readonly candidate: Quantiles; readonly added: Quantiles };
}

const PROGRESS_MS = 10_000;
/** How often the journal is read for what to tell. */
const NEWS_MS = 1_000;

const NO_TRAFFIC: TrafficReport = {
  requests: 0,
  clientErrors: 0,
  inFlight: 0,
  errors: {},
  wrong: { answers: 0, visitors: 0, firstAt: null, lastAt: null },
  productPages: {},
};

/**
 * Runs the two storefronts, Cutover before them, and visitors, until the time is over or `signal` aborts; gives the summary.
 * Meanwhile the candidate deploys one release after the other (see `demo-story.ts`).
 * Everything it makes lies in a temporary folder and is removed.
 */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-demo-'));
  const children = new Children();
  let running: Running | undefined;
  try {
    const catalogue = join(folder, 'catalogue.db');
    writeCatalogue(catalogue, Date.now());
    const tell = (line: string): void => {
      if (!options.headless) options.print(line);
    };
    let story: Story | undefined;
    const [control, candidate] = await Promise.all([
      children.application('control', catalogue),
      children.application('candidate', catalogue, (line) => story?.heard(line)),
    ]);
    const { port, apiPort } = options;
    running = await startCutover(
      settingsOf({ port, apiPort, control: control.port, candidate: candidate.port, folder }),
    );
    if (!options.headless) introduce(options, running, control, candidate);
    let traffic = NO_TRAFFIC;
    const visitors = children.start(
      'traffic',
      [String(running.proxy.port), String(options.rate), catalogue],
      (line) => {
        traffic = JSON.parse(line) as TrafficReport; // printed by traffic.ts in this shape
      },
    );
    const api = new DemoApi(running.apiUrl, running.token);
    story = new Story(candidate, tell);
    story.begin(timeline(options.durationMs));
    await watch(options, { running, api, tell });
    story.end();
    await stopChild(visitors);
    await running.settle(5_000);
    return await summarise({ running, api, story, traffic });
  } finally {
    await running?.close();
    await children.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function settingsOf(place: DemoPlace): Settings {
  const parsed = parseSettings(demoConfiguration(place), { file: 'demo', env: {}, baseDir: place.folder });
  if (parsed.ok) return parsed.settings;
  throw new CutoverError('FAULT', `The demo's configuration is wrong: ${JSON.stringify(parsed.problems)}`);
}

function introduce(options: DemoOptions, running: Running, control: Application, candidate: Application): void {
  options.print(`The page: ${running.pageUrl}`);
  options.print(`A shop:   http://shop-01.localhost:${running.proxy.port}/`);
  options.print(
    `Behind it: the control on port ${control.port} (nunjucks, a query per product) and the candidate on port ${candidate.port} (another engine, joined queries).`,
  );
  options.print(`On the command line: CUTOVER_API=${running.apiUrl} CUTOVER_TOKEN=${running.token} cutover status`);
  options.print(
    options.durationMs === undefined
      ? 'Ctrl-C ends it.'
      : `Ends by itself after ${Math.round(options.durationMs / 1000)} s.`,
  );
}

interface Watched {
  readonly running: Running;
  readonly api: DemoApi;
  readonly tell: (line: string) => void;
}

/** Waits for the end; meanwhile tells what moves, and shows progress. */
async function watch(options: DemoOptions, { running, api, tell }: Watched): Promise<void> {
  const show = async (): Promise<void> => {
    const { status, endpoints, clusters } = await running.look();
    tell('');
    for (const line of progressLines(status, endpoints, clusters)) tell(line);
  };
  const news = new MovementNews();
  let reading = Promise.resolve();
  const reader = setInterval(() => {
    // One after the other; what could not be read now is read the next time.
    reading = reading.then(async () => news.lines(await api.readJournal()).forEach(tell)).catch(() => undefined);
  }, NEWS_MS);
  const progress = options.headless ? undefined : setInterval(() => void show().catch(() => undefined), PROGRESS_MS);
  await new Promise<void>((resolve) => {
    if (options.signal.aborted) return resolve();
    const timer = options.durationMs === undefined ? undefined : setTimeout(resolve, options.durationMs);
    options.signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  clearInterval(progress);
  clearInterval(reader);
  await reading;
}

async function summarise(ended: {
  readonly running: Running;
  readonly api: DemoApi;
  readonly story: Story;
  readonly traffic: TrafficReport;
}): Promise<DemoSummary> {
  const { running, api, story, traffic } = ended;
  const { status, endpoints, clusters } = await running.look();
  await api.readJournal();
  const served = status.served.control + status.served.candidate;
  return {
    requests: traffic.requests,
    clientErrors: traffic.clientErrors,
    compared: status.verdicts,
    unverified: Object.values(status.unverified).reduce((sum, count) => sum + count, 0),
    endpoints: endpoints.length,
    clusters: clusters.map(({ endpoint, kind, pathPattern, count }) => ({ endpoint, kind, path: pathPattern, count })),
    noise: status.noisePaths,
    candidateShare: served === 0 ? 0 : status.served.candidate / served,
    latencyMs: status.latencyMs,
    ...outcomeOf({
      deployed: story.deployed,
      movements: api.movements,
      cells: await api.cells(),
      clusters,
      traffic,
    }),
  };
}
