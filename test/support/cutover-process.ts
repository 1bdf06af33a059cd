import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { z } from 'zod';
import { status } from '../../src/api/types.ts';

/** The file that people run. */
export const CUTOVER: string = fileURLToPath(new URL('../../bin/cutover.cjs', import.meta.url));
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 40_000;
const API_LIMIT_MS = 40_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `cutover run`. It is killed when its test ends. */
export interface CutoverProcess {
  readonly pid: number;
  readonly proxyPort: number;
  readonly apiPort: number;
  readonly token: string;
  /** From the spawn to the line that says it serves. */
  readonly startMs: number;
  /** `performance.now()` at the spawn. */
  readonly spawnedAt: number;
  readonly exited: Promise<Ended>;
  stdout(): string;
  stderr(): string;
  signal(name: NodeJS.Signals): void;
  /** Calls the control API with the token; path with `/api/v1`. */
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  status(): Promise<z.infer<typeof status>>;
  /** Drains it; gives how it ended. */
  stop(): Promise<Ended>;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<Ended>;
}

export interface ApiAnswer {
  readonly status: number;
  /** What a test reads of it, it checks itself. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** A folder that is gone after the test. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-e2e-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}

/** Writes a configuration with free ports and quiet defaults into `folder`; `more` is merged over it. Gives the file. */
export function writeConfig(
  folder: string,
  sides: { readonly control: string; readonly candidate: string },
  more: Readonly<Record<string, unknown>> = {},
): string {
  const file = join(folder, 'cutover.yaml');
  const { control = {}, candidate = {}, ...rest } = more;
  const config = {
    listen: '127.0.0.1:0',
    api: { listen: '127.0.0.1:0' },
    control: { url: sides.control, ...(control as object) }, // the tests give mappings
    candidate: { url: sides.candidate, ...(candidate as object) },
    store: { dir: 'state' },
    ...rest,
  };
  writeFileSync(file, JSON.stringify(config, undefined, 2)); // JSON is YAML
  return file;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Runs the command inside another, which gets it as its last arguments. */
  readonly within?: readonly string[];
  readonly cwd?: string;
}

/** Starts `cutover run -c file` and waits until it serves. */
export async function startCutover(file: string, options: StartOptions = {}): Promise<CutoverProcess> {
  const { child, spawnedAt, output, exited } = spawnCutover(['run', '-c', file, '--quiet'], options);
  const place = await new Promise<{ proxyPort: number; apiPort: number; token: string }>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`It does not serve:\n${output.stderr}`)), START_LIMIT_MS);
    void exited.then((ended) => reject(new Error(`It ended with ${ended.code}:\n${ended.stderr}`)));
    child.stderr?.on('data', () => {
      const proxyPort = /Serving on http:\/\/[^ ]*?:(\d+),/.exec(output.stderr)?.[1];
      const page = /The page: http:\/\/[^ ]*?:(\d+)\/#token=([0-9a-f]+)\n/.exec(output.stderr);
      if (proxyPort === undefined || page === null) return;
      clearTimeout(timer);
      resolve({ proxyPort: Number(proxyPort), apiPort: Number(page[1]), token: page[2] ?? '' });
    });
  });
  const startMs = performance.now() - spawnedAt;
  const api = (method: string, path: string, body?: unknown): Promise<ApiAnswer> =>
    callApi({ port: place.apiPort, token: place.token }, method, path, body);
  const end = async (name: NodeJS.Signals): Promise<Ended> => {
    child.kill(name);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    const ended = await exited;
    clearTimeout(timer);
    return ended;
  };
  return {
    ...place,
    pid: child.pid ?? 0,
    startMs,
    spawnedAt,
    exited,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    signal: (name) => void child.kill(name),
    api,
    status: async () => status.parse((await api('GET', '/api/v1/status')).body),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

/** Runs a command to its end. */
export async function runCutover(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  const { child, exited } = spawnCutover(args, options);
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
  const ended = await exited;
  clearTimeout(timer);
  return ended;
}

/** A command that runs; killed when its test ends. */
export interface Spawned {
  readonly child: ChildProcess;
  readonly spawnedAt: number;
  readonly output: { stdout: string; stderr: string };
  readonly exited: Promise<Ended>;
}

export function spawnCutover(args: readonly string[], { env = {}, within = [], cwd }: StartOptions = {}): Spawned {
  const [command = process.execPath, ...rest] = [...within, process.execPath, CUTOVER, ...args];
  const spawnedAt = performance.now();
  // Colours would get into what is matched.
  const child: ChildProcess = spawn(command, rest, {
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const exited = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await exited;
  });
  return { child, spawnedAt, output, exited };
}

/** One call of the control API over a connection of its own. */
export function callApi(
  place: { readonly port: number; readonly token: string },
  method: string,
  path: string,
  body?: unknown,
): Promise<ApiAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: '127.0.0.1',
        port: place.port,
        method,
        path,
        agent: false,
        headers: {
          authorization: `Bearer ${place.token}`,
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, text: answer, body: parsed(answer) });
        });
      },
    );
    request.setTimeout(API_LIMIT_MS, () => request.destroy(new Error(`${method} ${path}: no answer`)));
    request.on('error', reject);
    request.end(text);
  });
}

function parsed(text: string): ApiAnswer['body'] {
  try {
    return JSON.parse(text) as ApiAnswer['body']; // the tests look at each field they use
  } catch {
    return {};
  }
}

/** Waits until a condition holds, looking every few milliseconds; fails after `withinMs`. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 45_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
