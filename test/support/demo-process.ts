import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The demo as a process of its own, as a user starts it. */
export interface DemoProcess {
  /** Address of the page, signed in. */
  readonly page: string;
  readonly shop: string;
  stop(): Promise<void>;
}

const BINARY = fileURLToPath(new URL('../../bin/cutover.cjs', import.meta.url));

/** Starts `cutover demo` and resolves when it has printed its addresses. */
export async function startDemo(args: readonly string[] = []): Promise<DemoProcess> {
  const child = spawn(process.execPath, [BINARY, 'demo', '--duration', '170s', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = await untilPrinted(child, /A shop: +(\S+)/);
  return {
    page: /The page: (\S+)/.exec(output)?.[1] ?? '',
    shop: /A shop: +(\S+)/.exec(output)?.[1] ?? '',
    stop: () => stop(child),
  };
}

function untilPrinted(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`the demo printed only: ${output}`)), 60_000);
    const take = (text: Buffer): void => {
      output += text.toString('utf8');
      if (!pattern.test(output)) return;
      clearTimeout(timer);
      resolve(output);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the demo ended with ${code}: ${output}`));
    });
  });
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
