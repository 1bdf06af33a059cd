import { Agent, type ClientRequest, createServer, type IncomingMessage, request, type Server } from 'node:http';

/** Between two requests of one client. */
const PAUSE_MS = 25;
/** A side is never slower; beyond, something is wrong. */
const LIMIT_MS = 30_000;

/** What clients saw while a rollback held that every proxy had acknowledged. */
export interface Seen {
  requests: number;
  /** Of all requests, those that the candidate answered. */
  byCandidate: number;
  /** Begun while the rollback held, and answered by the candidate while it still held. */
  late: number;
  failed: number;
}

/** Clients of the proxies of a fleet, one for each, that never stop. */
export class FleetClients {
  readonly seen: Seen = { requests: 0, byCandidate: 0, late: 0, failed: 0 };
  /** True from the answer that every proxy obeys a rollback until it is lifted. */
  isLatched = false;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #loops: readonly Promise<void>[];
  readonly #ports: readonly number[];
  #isOver = false;

  constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#loops = ports.map((port) => this.#visit(port));
  }

  /** A write with an idempotency key, at the n-th proxy; gives the side that answered. */
  write(n: number, key: string): Promise<string> {
    return this.#ask(n, { method: 'POST', path: '/orders', headers: { 'idempotency-key': `"${key}"` } });
  }

  /** An answer of the n-th proxy that does not end: resolves once it has begun; to be ended by the caller. */
  stream(n: number): Promise<{ readonly side: string; readonly isOpen: () => boolean; end(): void }> {
    return new Promise((resolve, reject) => {
      const asked = this.#send(n, { method: 'GET', path: '/stream' }, (answer) => {
        let isOpen = true;
        answer.resume();
        answer.on('error', () => undefined);
        answer.on('close', () => {
          isOpen = false;
        });
        resolve({ side: sideOf(answer), isOpen: () => isOpen, end: () => asked.destroy() });
      });
      asked.on('error', reject);
    });
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #visit(port: number): Promise<void> {
    const n = this.#ports.indexOf(port);
    while (!this.#isOver) {
      const wasLatched = this.isLatched;
      this.seen.requests += 1;
      try {
        const side = await this.#ask(n, { method: 'GET', path: '/' });
        if (side === 'candidate') this.seen.byCandidate += 1;
        if (side === 'candidate' && wasLatched && this.isLatched) this.seen.late += 1;
      } catch {
        this.seen.failed += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #ask(n: number, what: Asked): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = this.#send(n, what, (answer) => {
        answer.resume();
        answer.on('error', reject);
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(sideOf(answer));
          else reject(new Error(`answered ${answer.statusCode}`));
        });
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', reject);
    });
  }

  #send(n: number, what: Asked, onAnswer: (answer: IncomingMessage) => void): ClientRequest {
    const port = this.#ports[n % this.#ports.length] ?? 0;
    const asked = request({ host: '127.0.0.1', port, agent: this.#agent, timeout: LIMIT_MS, ...what }, onAnswer);
    asked.end();
    return asked;
  }
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function sideOf(answer: IncomingMessage): string {
  return String(answer.headers['x-side']);
}

/** A side that says who it is, and whose `/stream` does not end. */
export async function side(name: 'control' | 'candidate'): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((asked, answer) => {
    answer.writeHead(200, { 'content-type': 'text/plain', 'x-side': name });
    if (asked.url === '/stream') answer.write('begun\n');
    else answer.end('same');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` };
}
