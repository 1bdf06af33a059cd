import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import type { Running } from './process.ts';

/** Ports of the server behind everyone, and of a second one for those that want two sides. */
export interface Origin {
  readonly port: number;
  readonly second: number;
}

/** A contender that runs; `pid` is the process whose CPU is counted (0: none). */
export interface Standing {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Something that stands between the load and the origin. */
export interface Contender {
  readonly name: string;
  /** An npm proxy: Cutover is compared with each. */
  readonly isNpm?: true;
  /** Why it cannot run here; undefined where it can. */
  missing(): string | undefined;
  /** Starts it before an origin, on processor `cpu`. */
  start(origin: Origin, cpu: number): Promise<Standing>;
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** Whether a command runs; the arguments make it end at once. */
export function isInstalled(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** A busy machine takes long to start a process. */
const START_MS = 60_000;

async function answering(port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/bench/ready`, { signal: AbortSignal.timeout(1_000) });
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Waits until a started process answers; `folder` goes with it. */
export async function standing(running: Running, port: number, folder?: string): Promise<Standing> {
  const stop = async (): Promise<void> => {
    await running.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    await answering(port);
  } catch (error) {
    await stop();
    throw new Error(`no answer on port ${port}: ${await running.output()}`, { cause: error });
  }
  return { port, pid: running.pid, stop };
}
