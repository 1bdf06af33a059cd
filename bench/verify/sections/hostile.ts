import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Running, start } from '../../load/process.ts';
import type { BenchSection, SectionOptions } from '../section.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PROXY_CPU = 1;
const LOAD_CPU = 0;
/** Ordinary comparisons before anything hostile: the threads have started and the heaps have the size of everyday traffic. */
const WARM_UP = 300;
const VERDICTS: ReadonlySet<string> = new Set(['match', 'ignored', 'mismatch', 'inconclusive']);
const PAIR_LIMIT_MS = 60_000;

interface Stall {
  readonly cpuMs: number;
  readonly wallMs: number;
}

interface Trial {
  readonly name: string;
  readonly verdict: string;
  readonly elapsedMs: number;
  readonly stall: Stall;
  readonly residentMb: number;
}

/**
 * A running Cutover, as people start it, before a candidate that answers with bodies made to hurt: bombs, depth, keys, lists, evil texts.
 * Its serving thread is watched from within; its threads that die are told by its log.
 */
export const hostile: BenchSection = {
  name: 'hostile',
  async run({ quick, progress }: SectionOptions) {
    const origin = start(process.execPath, [join(ROOT, 'bench/verify/hostile/origin.ts')], LOAD_CPU);
    const folder = mkdtempSync(join(tmpdir(), 'bench-hostile-'));
    let cutover: Watched | undefined;
    try {
      const [, control = '', candidate = ''] = await origin.line(/listening (\d+) (\d+)/);
      cutover = await Watched.start(folder, control, candidate);
      return await attack(cutover, quick, progress);
    } finally {
      await cutover?.stop();
      await origin.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

async function attack(cutover: Watched, quick: boolean, progress: (text: string) => void) {
  for (let i = 0; i < WARM_UP; i++) await cutover.verify(`/plain/${i % 5}`);
  await cutover.stall();
  const before = cutover.residentMb();
  const trials: Trial[] = [];
  for (let index = 0; ; index++) {
    const begun = performance.now();
    let { name, verdict } = await cutover.verify(`/hostile/${index}`);
    // Under load mirrors are shed, which is no verdict: it is asked again.
    for (let tries = 0; tries < 5 && name !== undefined && !VERDICTS.has(verdict.split(',')[0] ?? ''); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      ({ name, verdict } = await cutover.verify(`/hostile/${index}`));
    }
    if (name === undefined) break;
    const elapsedMs = performance.now() - begun;
    trials.push({ name, verdict, elapsedMs, stall: await cutover.stall(), residentMb: cutover.residentMb() });
    progress(`${name}: ${verdict}, ${elapsedMs.toFixed(0)} ms`);
    if (quick && index >= 30) break;
  }
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const after = cutover.residentMb();
  const compared = trials.filter(({ verdict }) => VERDICTS.has(verdict.split(',')[0] ?? '')).length;
  const worst = Math.max(...trials.map(({ stall }) => stall.cpuMs));
  const clock = Math.max(...trials.map(({ stall }) => stall.wallMs));
  const peak = Math.max(...trials.map(({ residentMb }) => residentMb)) - before;
  return {
    title: `Bodies made to hurt, through a running Cutover (${compared} of ${trials.length} pairs compared)`,
    rows: [
      target('longest stall of the serving thread, its processor time', worst, 20, 'ms'),
      { figure: 'longest stall by the clock, with everything else this machine does', value: `${clock.toFixed(1)} ms` },
      target('comparing threads that died', cutover.deaths(), 0, ''),
      target('growth of resident memory, three seconds after the last pair', after - before, 64, 'MB'),
      { figure: 'highest growth between two pairs', value: `${peak.toFixed(0)} MB` },
    ],
    tables: [
      {
        title: 'The twelve that kept the comparer longest',
        columns: ['pair', 'verdict', 'ms', 'stall, CPU ms', 'resident MB'],
        rows: [...trials]
          .sort((a, b) => b.elapsedMs - a.elapsedMs)
          .slice(0, 12)
          .map(({ name, verdict, elapsedMs, stall, residentMb }) => [
            name,
            verdict,
            elapsedMs.toFixed(0),
            stall.cpuMs.toFixed(1),
            residentMb.toFixed(0),
          ]),
      },
    ],
  };
}

function target(figure: string, value: number, most: number, unit: string) {
  return {
    figure,
    value: `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`.trim(),
    target: `≤ ${most} ${unit}`.trim(),
    met: value <= most,
  };
}

/** `cutover run` with a watch on its event loop, every request mirrored. */
class Watched {
  readonly #running: Running;
  readonly #port: number;
  readonly #apiPort: number;
  #log = '';
  #deaths = 0;

  private constructor(running: Running, ports: readonly [number, number]) {
    this.#running = running;
    [this.#port, this.#apiPort] = ports;
    for (const stream of [running.child.stdout, running.child.stderr])
      stream?.on('data', (text: string) => {
        this.#log += text;
      });
  }

  static async start(folder: string, control: string, candidate: string): Promise<Watched> {
    const file = join(folder, 'cutover.yaml');
    const config = {
      listen: '127.0.0.1:0',
      api: { listen: '127.0.0.1:0' },
      control: { url: `http://127.0.0.1:${control}` },
      candidate: { url: `http://127.0.0.1:${candidate}` },
      defaults: { mirror: '100%' },
      mirror: { perSecond: 1_000 },
      // Each confirmation would wait seconds for the budget of repeats.
      compare: { confirm: false },
      store: { dir: join(folder, 'state') },
    };
    writeFileSync(file, JSON.stringify(config)); // JSON is YAML
    const watch = join(ROOT, 'test/support/loop-watch.cjs');
    const args = ['--require', watch, join(ROOT, 'bin/cutover.cjs'), 'run', '-c', file, '--quiet'];
    const running = start(process.execPath, args, PROXY_CPU);
    let told = '';
    running.child.stderr?.on('data', (text: string) => {
      told += text;
    });
    const deadline = performance.now() + 20_000;
    for (;;) {
      const port = /Serving on http:\/\/[^ ]*?:(\d+),/.exec(told)?.[1];
      const page = /The page: http:\/\/[^ ]*?:(\d+)\//.exec(told)?.[1];
      if (port !== undefined && page !== undefined) return new Watched(running, [Number(port), Number(page)]);
      if (performance.now() > deadline) throw new Error(`It does not serve: ${told}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Asks through the proxy and waits until the pair has been compared. No name: there is no such pair. */
  async verify(path: string): Promise<{ readonly name: string | undefined; readonly verdict: string }> {
    const before = await this.#counts();
    const { status, name } = await ask(this.#port, path);
    if (status === 404) return { name: undefined, verdict: '' };
    const deadline = performance.now() + PAIR_LIMIT_MS;
    for (;;) {
      const now = await this.#counts();
      const changed = [...now].find(([key, value]) => value > (before.get(key) ?? 0));
      if (changed !== undefined) {
        const deaths = this.deaths();
        const died = deaths > this.#deaths;
        this.#deaths = deaths;
        return { name: name ?? '', verdict: `${changed[0]}${died ? ', a thread died' : ''}` };
      }
      if (performance.now() > deadline) throw new Error(`${path} ${name}: no verdict in a minute`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Verdicts and reasons for none, summed over endpoints. */
  async #counts(): Promise<Map<string, number>> {
    const { text } = await ask(this.#apiPort, '/metrics');
    const counts = new Map<string, number>();
    for (const [, labels = '', value = ''] of text.matchAll(/^cutover_mirror(?:ed|_skipped)_total\{(.*)\} (\d+)$/gm)) {
      const key = /(?:verdict|reason)="([^"]*)"/.exec(labels)?.[1] ?? '';
      counts.set(key, (counts.get(key) ?? 0) + Number(value));
    }
    return counts;
  }

  /** The longest time the serving thread was busy with one thing since the last call. */
  async stall(): Promise<Stall> {
    const seen = this.#log.length;
    process.kill(this.#running.pid, 'SIGUSR2');
    for (let tries = 0; tries < 1_000; tries++) {
      const said = /loop-watch (.*)\n/.exec(this.#log.slice(seen))?.[1];
      if (said !== undefined) return JSON.parse(said) as Stall; // written by loop-watch.cjs
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error('the watch of the event loop does not answer');
  }

  residentMb(): number {
    const status = readFileSync(`/proc/${this.#running.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? '0') / 1024;
  }

  deaths(): number {
    return this.#log.split('verifier.worker-replaced').length - 1;
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }
}

function ask(
  port: number,
  path: string,
): Promise<{ readonly status: number; readonly name: string | undefined; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const pair = response.headers['x-pair'];
        resolve({
          status: response.statusCode ?? 0,
          name: typeof pair === 'string' ? decodeURIComponent(pair) : undefined,
          text: Buffer.concat(chunks).toString('latin1'),
        });
      });
    });
    request.on('error', reject);
  });
}
