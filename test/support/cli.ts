import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { z } from 'zod';
import { ROUTES, type Route, type RouteName } from '../../src/api/routes.ts';
import type { Problem } from '../../src/api/types.ts';

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Added to an environment that holds nothing but PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const BINARY = join(import.meta.dirname, '../../bin/cutover.cjs');
/** The slowest command of a test ends within a few seconds, also on a machine with other work. */
const MAX_RUN_MS = 25_000;

/** Runs the real command line in a process of its own and gives what it printed. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  return runProcess(process.execPath, [BINARY, ...args], options);
}

/** Runs `cutover ARGS` inside a shell line, where `$CUTOVER` stands for it. */
export function runShell(line: string, options: CliOptions = {}): Promise<CliRun> {
  const cutover = `'${process.execPath}' '${BINARY}'`;
  return runProcess('/bin/sh', ['-c', line.replaceAll('$CUTOVER', cutover)], options);
}

function runProcess(file: string, args: readonly string[], { env = {}, cwd }: CliOptions): Promise<CliRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: MAX_RUN_MS,
      ...(cwd === undefined ? {} : { cwd }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** What a route answers; a function may look at the request's body. */
export type Scripted = unknown | ((body: unknown, request: IncomingMessage) => unknown);

export interface ScriptedApi {
  readonly url: string;
  /** Environment in which commands find it. */
  readonly env: Readonly<Record<string, string>>;
  readonly token: string;
  /** What was asked, in order. */
  readonly calls: {
    readonly route: RouteName;
    readonly url: string;
    readonly body: unknown;
    readonly headers: IncomingMessage['headers'];
  }[];
  close(): Promise<void>;
}

/** A problem document, to be given as a route's answer. */
export function problemAnswer(status: number, code: string, detail: string, hint?: string): ProblemAnswer {
  return new ProblemAnswer({
    type: 'about:blank',
    title: code,
    status,
    detail,
    code,
    id: 'p1',
    ...(hint === undefined ? {} : { hint }),
  });
}

class ProblemAnswer {
  readonly document: Problem;

  constructor(document: Problem) {
    this.document = document;
  }
}

/**
 * A server that answers some routes of the control API as told. Both ways are held to the wire types: a script that the
 * real API could not speak, or a request it would refuse, fails the call with 500 and its reason.
 */
export async function startScriptedApi(script: Partial<Record<RouteName, Scripted>>): Promise<ScriptedApi> {
  const token = 'scripted-token';
  const calls: ScriptedApi['calls'] = [];
  const server = createServer((request, response) => {
    void answer(request, response, { script, token, calls }).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(JSON.stringify({ fault: String(error) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // listens on TCP
  return {
    url,
    token,
    calls,
    env: { CUTOVER_API: url, CUTOVER_TOKEN: token },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Situation {
  readonly script: Partial<Record<RouteName, Scripted>>;
  readonly token: string;
  readonly calls: ScriptedApi['calls'];
}

async function answer(request: IncomingMessage, response: ServerResponse, situation: Situation): Promise<void> {
  const url = new URL(request.url ?? '', 'http://api');
  const [name, route] = routeOf(request.method ?? '', url.pathname);
  const text = await bodyOf(request);
  const body: unknown = text === '' ? undefined : JSON.parse(text);
  situation.calls.push({ route: name, url: request.url ?? '', body, headers: request.headers });
  if (request.headers.authorization !== `Bearer ${situation.token}`) throw new Error('wrong token');
  route.query?.parse(Object.fromEntries(url.searchParams));
  route.body?.parse(body);
  const scripted = situation.script[name];
  const value: unknown = typeof scripted === 'function' ? scripted(body, request) : scripted;
  if (value instanceof ProblemAnswer) {
    response.writeHead(value.document.status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify(value.document));
    return;
  }
  if (value === undefined) throw new Error(`${name} is not scripted`);
  (route.output as z.ZodType).parse(value); // the routes that commands call answer with JSON
  response.writeHead(route.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function routeOf(method: string, path: string): readonly [RouteName, Route] {
  for (const [name, route] of Object.entries(ROUTES) as [RouteName, Route][]) {
    const pattern = new RegExp(`^${route.path.replace(/\{\w+\}/g, '[^/]+')}$`);
    if (route.method === method && pattern.test(path)) return [name, route];
  }
  throw new Error(`no route ${method} ${path}`);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
