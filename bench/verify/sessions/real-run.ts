import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import type { MixUp } from './shop.ts';
import type { ShopOrder, ShopReply } from './shop-process.ts';

const CUTOVER = fileURLToPath(new URL('../../../bin/cutover.cjs', import.meta.url));
const SHOP = new URL('./shop-process.ts', import.meta.url);
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 40_000;

/** A shop that runs in a process of its own. */
export interface RealShop {
  readonly url: string;
  mixUp(share: number): void;
  mixedUp(): Promise<readonly MixUp[]>;
  close(): Promise<void>;
}

export async function startRealShop(seed: string, firstNumber: number): Promise<RealShop> {
  const child = fork(SHOP, [seed, String(firstNumber)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const say = (order: ShopOrder): void => {
    child.send(order);
  };
  const hear = async (): Promise<ShopReply> => ((await once(child, 'message')) as [ShopReply])[0]; // it says nothing else
  const begun = await hear();
  if (!('url' in begun)) throw new Error('The shop did not say where it is.');
  return {
    url: begun.url,
    mixUp: (share) => say({ mixUp: share }),
    mixedUp: async () => {
      const heard = hear();
      say('tell');
      const reply = await heard;
      return 'mixedUp' in reply ? reply.mixedUp : [];
    },
    close: async () => {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

/** `cutover run` as users start it, with its state in a temporary folder. */
export interface RealCutover {
  readonly port: number;
  readonly pid: number;
  /** One page of a list, or one thing, of the control API; path without `/api/v1/`. */
  get<T extends z.ZodType>(path: string, type: T): Promise<z.output<T>>;
  /** All items of a list. */
  all<T extends z.ZodType>(path: string, item: T): Promise<z.output<T>[]>;
  close(): Promise<void>;
}

export async function startRealCutover(config: Readonly<Record<string, unknown>>): Promise<RealCutover> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-sessions-'));
  const file = join(folder, 'cutover.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ api: { listen: '127.0.0.1:0' }, store: { dir: 'state' }, ...config }));
  const child = spawn(process.execPath, [CUTOVER, 'run', '-c', file, '--quiet'], {
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const { port, apiPort, token } = await placeOf(child);
  const get = async <T extends z.ZodType>(path: string, type: T): Promise<z.output<T>> => {
    const answer = await fetch(`http://127.0.0.1:${apiPort}/api/v1/${path}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return type.parse(await answer.json());
  };
  return {
    port,
    pid: child.pid ?? 0,
    get,
    all: async (path, item) => {
      const { z } = await import('zod');
      const page = z.object({ items: z.array(item), next: z.string().exactOptional() });
      const items: z.output<typeof item>[] = [];
      let cursor = '';
      do {
        const found = await get(`${path}?limit=200${cursor}`, page);
        items.push(...found.items);
        cursor = found.next === undefined ? '' : `&cursor=${encodeURIComponent(found.next)}`;
      } while (cursor !== '');
      return items;
    },
    close: async () => {
      const ended = child.exitCode === null ? once(child, 'close') : Promise.resolve();
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
      await ended;
      clearTimeout(timer);
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** Where it serves and where its control API is, as it says on standard error. */
function placeOf(
  child: ChildProcess,
): Promise<{ readonly port: number; readonly apiPort: number; readonly token: string }> {
  let said = '';
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`It does not serve:\n${said}`)), START_LIMIT_MS);
    child.once('exit', (code) => reject(new Error(`It ended with ${code}:\n${said}`)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      // What follows the first lines is a log that nobody reads here.
      if (said.length > 65_536) return;
      said += text;
      const serving = /Serving on http:\/\/[^ ]*?:(\d+),/.exec(said);
      const page = /The page: http:\/\/[^ ]*?:(\d+)\/#token=([0-9a-f]+)\n/.exec(said);
      if (serving === null || page === null) return;
      clearTimeout(timer);
      resolve({ port: Number(serving[1]), apiPort: Number(page[1]), token: page[2] ?? '' });
    });
  });
}
