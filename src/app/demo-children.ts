import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CutoverError } from '../core/errors.ts';
import { LineSplitter } from './line-splitter.ts';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 3_000;
/** Longest line a child prints; the visitors' reports take about a kilobyte. */
const MAX_LINE_BYTES = 64 * 1024;

/** A file of the storefront as this process can run it: sources in a checkout, compiled in the package. */
function storefront(name: string): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../../examples/storefront/${name}.${extension}`, import.meta.url));
}

/** One of the two applications, running. */
export interface Application {
  readonly port: number;
  /** Writes a line to its standard input; a child that is gone hears nothing. */
  tell(line: string): void;
}

/** Children of the demo, ended together. */
export class Children {
  private readonly all: ChildProcess[] = [];

  /** Starts a script and gives what it prints, line by line. */
  start(script: string, args: readonly string[], onLine: (line: string) => void): ChildProcess {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', storefront(script), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.all.push(child);
    const lines = new LineSplitter(MAX_LINE_BYTES);
    child.stdout.on('data', (chunk: Buffer) => {
      for (const { text } of lines.push(chunk)) if (text !== undefined) onLine(text);
    });
    // A child that is gone cannot be told to stop; that is no failure of the demo.
    child.stdin.on('error', () => undefined);
    return child;
  }

  /** Starts one of the two applications; what it prints after its port goes to `onLine`. */
  application(
    side: 'control' | 'candidate',
    catalogue: string,
    onLine: (line: string) => void = () => undefined,
  ): Promise<Application> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(new CutoverError('FAULT', `The demo's ${side} did not start within ${START_TIMEOUT_MS / 1000} s.`)),
        START_TIMEOUT_MS,
      );
      const child = this.start('main', [side, catalogue, '0'], (line) => {
        const port = /^listening (\d+)$/.exec(line)?.[1];
        if (port === undefined) return onLine(line);
        clearTimeout(timer);
        resolve({ port: Number(port), tell: (text) => void child.stdin?.write(`${text}\n`) });
      });
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(new CutoverError('FAULT', `The demo's ${side} ended with ${code ?? 'a signal'} before it listened.`));
      });
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((child) => stopChild(child)));
  }
}

/** Ends a child and resolves when it is gone and its last line was read; after three seconds it is killed. */
export function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    child.stdin?.end();
    child.kill('SIGTERM');
  });
}
