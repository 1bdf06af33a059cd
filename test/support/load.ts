import http from 'node:http';

export interface LoadOptions {
  /** Asked before each request: the port may change under way. */
  readonly port: () => number;
  readonly workers: number;
  /** Pause of a worker between two requests. */
  readonly pauseMs?: number;
  readonly method?: string;
  /** Path of the nth request. */
  readonly path?: (n: number) => string;
  /** Prefix of the ids, so that several loads do not share one. */
  readonly name?: string;
  /** Called when a connection cannot be made: true ends the worker without a failure. */
  readonly endsWhenRefused?: boolean;
}

export interface Answered {
  readonly id: string;
  readonly status: number;
  readonly side: string;
  /** `performance.now()` before the request went out, and when its answer had ended. */
  readonly sentAt: number;
  readonly endedAt: number;
}

export interface LoadReport {
  readonly answered: readonly Answered[];
  /** What a client would have noticed: errors, answers that are not 200, answers of somebody else. */
  readonly failures: readonly string[];
  readonly sent: ReadonlySet<string>;
}

export interface Load {
  /** Answers so far; grows. */
  readonly answered: readonly Answered[];
  readonly failures: readonly string[];
  stop(): Promise<LoadReport>;
}

const LIMIT_MS = 30_000;

/** Clients with keep-alive connections that each ask one thing after the other and check that the answer is theirs. */
export function startLoad(options: LoadOptions): Load {
  const { port, workers, pauseMs = 0, method = 'GET', path = () => '/items', name = 'load' } = options;
  const answered: Answered[] = [];
  const failures: string[] = [];
  const sent = new Set<string>();
  let stopped = false;
  let next = 0;
  const work = async (): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!stopped) {
      const n = next++;
      const id = `${name}-${n}`;
      sent.add(id);
      const sentAt = performance.now();
      const outcome = await askOnce({ port: port(), method, path: path(n), id, agent });
      if (typeof outcome === 'string') {
        if (options.endsWhenRefused === true && outcome.includes('ECONNREFUSED')) break;
        failures.push(`${id}: ${outcome}`);
        await pause(5);
      } else {
        if (outcome.status !== 200 || outcome.echo !== id)
          failures.push(`${id}: ${outcome.status} ${outcome.text.slice(0, 200)}`);
        answered.push({ id, status: outcome.status, side: outcome.side, sentAt, endedAt: performance.now() });
      }
      if (pauseMs > 0) await pause(pauseMs);
    }
    agent.destroy();
  };
  const all = Promise.all(Array.from({ length: workers }, work));
  return {
    answered,
    failures,
    stop: async () => {
      stopped = true;
      await all;
      return { answered, failures, sent };
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export interface Asked {
  readonly status: number;
  readonly side: string;
  readonly text: string;
  /** The id in the answer. */
  readonly echo: string;
  readonly headers: http.IncomingHttpHeaders;
}

export interface AskOptions {
  readonly port: number;
  readonly method?: string;
  readonly path?: string;
  readonly id?: string;
  readonly agent?: http.Agent;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string;
}

/** One request; a text says why there is no whole answer. Never rejects. */
export function askOnce(options: AskOptions): Promise<Asked | string> {
  const { port, method = 'GET', path = '/items', id = 'one', agent = false, headers = {}, body } = options;
  const payload = body ?? (method === 'POST' ? 'hello' : undefined);
  return new Promise((resolve) => {
    const request = http.request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent,
        headers: {
          'x-id': id,
          ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', (error) => resolve(`cut: ${error.message}`));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: response.statusCode ?? 0,
            side: String(response.headers['x-side'] ?? ''),
            text,
            echo: /"id":"([^"]*)"/.exec(text)?.[1] ?? '',
            headers: response.headers,
          });
        });
      },
    );
    request.setTimeout(LIMIT_MS, () => request.destroy(new Error('no answer')));
    request.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code ?? ''} ${error.message}`));
    request.end(payload);
  });
}

/** The quantile of some numbers, 0 to 1; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
