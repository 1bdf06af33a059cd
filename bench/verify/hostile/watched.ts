import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { type Running, start } from '../../load/process.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PROXY_CPU = 1;
const PAIR_LIMIT_MS = 60_000;
/** Between two looks at the counts: the looks must not be what fills the heap of the serving thread. */
const LOOKS_MS = [10, 20, 40, 80, 160];

/** The longest time a thread was busy with one thing. */
export interface Stall {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** `cutover run` with a watch on its event loop, every request mirrored. */
export class Watched {
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

  /** @param confirm Mismatches are confirmed, with as many repeats as it takes: the default budget would make each wait for seconds. */
  static async start(folder: string, ports: readonly [string, string], confirm: boolean): Promise<Watched> {
    const [control, candidate] = ports;
    const file = join(folder, 'cutover.yaml');
    const config = {
      listen: '127.0.0.1:0',
      api: { listen: '127.0.0.1:0' },
      control: { url: `http://127.0.0.1:${control}` },
      candidate: { url: `http://127.0.0.1:${candidate}` },
      defaults: { mirror: '100%' },
      mirror: { perSecond: 1_000, ...(confirm ? { repeats: { share: '100%', perSecond: 1_000 } } : {}) },
      compare: { confirm },
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

  /** Asks through the proxy, whatever becomes of the copy. */
  async serve(path: string): Promise<void> {
    await ask(this.#port, path);
  }

  /** Asks through the proxy and waits until the pair has been compared. No name: there is no such pair. */
  async verify(path: string): Promise<{ readonly name: string | undefined; readonly verdict: string }> {
    const before = await this.#counts();
    const { status, name } = await ask(this.#port, path);
    if (status === 404) return { name: undefined, verdict: '' };
    const deadline = performance.now() + PAIR_LIMIT_MS;
    for (let look = 0; ; look++) {
      const now = await this.#counts();
      const changed = [...now].find(([key, value]) => value > (before.get(key) ?? 0));
      if (changed !== undefined) {
        const deaths = this.deaths();
        const died = deaths > this.#deaths;
        this.#deaths = deaths;
        return { name: name ?? '', verdict: `${changed[0]}${died ? ', a thread died' : ''}` };
      }
      if (performance.now() > deadline) throw new Error(`${path} ${name}: no verdict in a minute`);
      await new Promise((resolve) => setTimeout(resolve, LOOKS_MS[look] ?? LOOKS_MS.at(-1)));
    }
  }

  /** Waits until nothing has been compared for a second. */
  async settled(): Promise<void> {
    for (let last = -1; ; ) {
      const now = [...(await this.#counts()).values()].reduce((sum, count) => sum + count, 0);
      if (now === last) return;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
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

/** One request, on a connection of its own. `name`: of the pair that was answered with. */
export function ask(
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
