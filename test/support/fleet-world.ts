import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request, type Server } from 'node:http';
import { createServer as createPortServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChainCheck } from '../../src/core/journal/chain.ts';
import type { JournalEntry } from '../../src/core/ports.ts';
import { sha256 } from '../../src/store/journal-hash.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type Cuttable, cuttable } from './cuttable.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';

const CUTOVER = fileURLToPath(new URL('../../bin/cutover.cjs', import.meta.url));
const LIMIT_MS = 120_000;
/** Each proxy gets a request so often. */
const REQUEST_MS = 40;

export const FAULTS = [
  'the leader is killed',
  'the store is killed',
  'the leader and the store are cut apart',
  'what the leader and the store say is lost',
  'the proxies and the leader are cut apart',
  'what the proxies and the leader say is lost',
  'both controllers are killed',
] as const;
export type Fault = (typeof FAULTS)[number];

/** What must be empty, and what shows that there was something to find. */
export interface FleetOutcome {
  readonly clientErrors: readonly string[];
  readonly servedWithoutProof: readonly string[];
  readonly servedUnderLatch: readonly string[];
  readonly lostDecisions: readonly string[];
  readonly brokenJournal: string | undefined;
  readonly requests: number;
  readonly byCandidate: number;
  readonly acknowledged: number;
  readonly rollbacks: number;
  readonly terms: number;
  /** From a fault until somebody leads and every proxy obeys. */
  readonly healedMs: readonly { readonly fault: Fault; readonly ms: number }[];
}

/** What was done and found so far; what was lost is known at the end. */
export type FleetTally = Pick<FleetOutcome, 'requests' | 'byCandidate' | 'acknowledged' | 'rollbacks'> & {
  readonly wrong: number;
};

interface Controller {
  readonly name: string;
  readonly dir: string;
  readonly apiPort: number;
  readonly fleetPort: number;
  /** Its way to the store, and the proxies' way to it. */
  readonly toStore: Cuttable;
  readonly toIt: Cuttable;
  child: ChildProcess;
}

/** Two controllers, three proxies, a real PostgreSQL, clients that never stop, and somebody who decides all the time. */
export class FleetWorld {
  readonly #folder: string;
  readonly #server: PostgresServer;
  readonly #url: string;
  readonly #origins: readonly Server[];
  readonly #children = new Set<ChildProcess>();
  readonly #controllers: Controller[] = [];
  readonly #proxyPorts: number[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #kept: { readonly sequence: number; readonly hash: string }[] = [];
  readonly #rollbacks: { readonly reason: string; readonly told: string }[] = [];
  readonly #seen = {
    clientErrors: [] as string[],
    servedWithoutProof: [] as string[],
    servedUnderLatch: [] as string[],
    healedMs: [] as { fault: Fault; ms: number }[],
    requests: 0,
    byCandidate: 0,
  };
  #config = '';
  #token = '';
  /** True from the answer that every proxy obeys a rollback until it is lifted. */
  #isLatched = false;
  #isOver = false;
  #numbers = 0;
  #stalls = 0;
  #loops: Promise<void>[] = [];

  static async start(): Promise<FleetWorld> {
    const server = await startPostgres();
    const url = await server.database();
    const origins = [await origin('control'), await origin('candidate')];
    const world = new FleetWorld(server, url, origins);
    try {
      await world.#begin();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  private constructor(server: PostgresServer, url: string, origins: readonly Server[]) {
    [this.#server, this.#url, this.#origins] = [server, url, origins];
    this.#folder = mkdtempSync(join(tmpdir(), 'cutover-fleet-'));
  }

  async #begin(): Promise<void> {
    const [control, candidate] = this.#origins.map(portOf);
    this.#config = join(this.#folder, 'cutover.yaml');
    const config = {
      control: { url: `http://127.0.0.1:${control}` },
      candidate: { url: `http://127.0.0.1:${candidate}` },
      log: { level: process.env['FLEET_LOG'] ?? 'warn' },
      defaults: { dial: '100%', proof: 'none', mirror: '20%' },
      endpoints: [{ match: 'GET /guarded/{id}', proof: 'endpoint' }],
      evidence: { minSpan: '7d' },
      compare: { workers: 1 },
    };
    writeFileSync(this.#config, JSON.stringify(config)); // JSON is YAML
    for (const name of ['east', 'west']) {
      const toStore = await cuttable(this.#server.port);
      const [apiPort, fleetPort] = [await freePort(), await freePort()];
      const dir = join(this.#folder, name);
      mkdirSync(dir, { mode: 0o700 });
      const [first] = this.#controllers;
      if (first !== undefined) copyFileSync(join(first.dir, 'api-token'), join(dir, 'api-token'));
      const toIt = await cuttable(fleetPort);
      const made = { name, dir, apiPort, fleetPort, toStore, toIt };
      this.#controllers.push({ ...made, child: this.#startController(made) });
      await until(`${name} listens`, () => answers(apiPort, '/healthz'));
    }
    this.#token = readFileSync(join(this.#folder, 'east', 'api-token'), 'utf8').trim();
    for (const name of ['p1', 'p2', 'p3']) {
      const [port, door] = [await freePort(), await freePort()];
      this.#proxyPorts.push(port);
      this.#spawn([
        ...['proxy', '-c', this.#config, '--name', name, '--dir', join(this.#folder, name)],
        ...['--listen', `127.0.0.1:${port}`, '--door', `127.0.0.1:${door}`],
        ...this.#controllers.flatMap(({ toIt }) => ['--controller', `http://127.0.0.1:${toIt.port}`]),
        ...['--token-file', join(this.#folder, 'east', 'api-token')],
      ]);
    }
    await this.#healed();
    this.#loops = [...this.#proxyPorts.map((port) => this.#visit(port)), this.#decide()];
  }

  /** One fault while everybody goes on, and its end; resolves when somebody leads again and every proxy obeys. */
  async suffer(fault: Fault): Promise<void> {
    const leader = (await this.#leader()) ?? this.#controllers[0];
    if (leader === undefined) throw new Error('There is no controller.');
    const begin = performance.now();
    await this.#strike(fault, leader);
    await this.#healed();
    this.#seen.healedMs.push({ fault, ms: performance.now() - begin });
  }

  tally(): FleetTally {
    const { requests, byCandidate, clientErrors, servedWithoutProof, servedUnderLatch } = this.#seen;
    const wrong = clientErrors.length + servedWithoutProof.length + servedUnderLatch.length;
    return { requests, byCandidate, acknowledged: this.#kept.length, rollbacks: this.#rollbacks.length, wrong };
  }

  async #strike(fault: Fault, leader: Controller): Promise<void> {
    const awhile = (): Promise<void> => pause(300 + Math.random() * 700);
    const line = fault.includes('proxies') ? leader.toIt : leader.toStore;
    if (fault === 'the store is killed') {
      await this.#server.kill();
      await awhile();
      await this.#server.start();
    } else if (fault.endsWith('cut apart')) {
      line.cut();
      await awhile();
      line.mend();
    } else if (fault.endsWith('is lost')) {
      line.stall();
      if (fault.includes('store')) this.#stalls += 1;
      // Long enough for somebody else to lead; every other time so short that the same one goes on.
      const takesOver = this.#stalls % 2 === 1;
      await pause(!fault.includes('store') ? 1_000 : takesOver ? 10_000 : 500 + Math.random() * 4_000);
      line.cut();
      line.mend();
    } else {
      const killed = fault === 'both controllers are killed' ? this.#controllers : [leader];
      for (const one of killed) await kill(one.child);
      await awhile();
      for (const one of killed) one.child = this.#startController(one);
    }
  }

  /** Ends everything and looks at what there is. */
  async finish(): Promise<FleetOutcome> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    const store = await openPostgresStore({
      url: this.#url,
      log: createLog({ level: 'error', write: () => undefined }),
    });
    const check = new ChainCheck(sha256);
    const hashes = new Map<number, string>();
    const reasons: string[] = [];
    let terms = 0;
    let cursor: string | undefined;
    do {
      const page = await store.journal({ limit: 1_000, order: 'oldest', ...(cursor === undefined ? {} : { cursor }) });
      for (const entry of page.items) {
        check.add({ ok: true, entry });
        hashes.set(entry.sequence, entry.hash);
        if (entry.action === 'rollback') reasons.push(entry.reason);
        if (entry.action === 'started') terms += 1;
      }
      cursor = page.next;
    } while (cursor !== undefined);
    await store.close();
    const { broken } = check.report();
    return {
      ...this.#seen,
      lostDecisions: [
        ...this.#kept
          .filter(({ sequence, hash }) => hashes.get(sequence) !== hash)
          .map(({ sequence }) => `${sequence}`),
        ...this.#rollbacks
          .filter(({ reason }) => !reasons.some((there) => there.includes(reason)))
          .map(({ reason, told }) => `${reason} ${told}`),
      ],
      brokenJournal: broken?.why,
      acknowledged: this.#kept.length,
      rollbacks: this.#rollbacks.length,
      terms,
    };
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await Promise.allSettled(this.#loops);
    for (const child of this.#children) await kill(child);
    for (const { toStore, toIt } of this.#controllers) {
      await toStore.close();
      await toIt.close();
    }
    this.#agent.destroy();
    for (const server of this.#origins) {
      server.closeAllConnections();
      server.close();
    }
    await this.#server.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  #startController({ name, dir, apiPort, fleetPort, toStore }: Omit<Controller, 'child'>): ChildProcess {
    return this.#spawn([
      ...['controller', '-c', this.#config, '--name', name, '--dir', dir],
      ...['--store', this.#url.replace(`:${this.#server.port}/`, `:${toStore.port}/`)],
      ...['--api-listen', `127.0.0.1:${apiPort}`, '--fleet-listen', `127.0.0.1:${fleetPort}`],
    ]);
  }

  #spawn(args: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [CUTOVER, ...args], {
      stdio: process.env['FLEET_LOG'] === undefined ? 'ignore' : 'inherit',
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** The controller that can decide now. */
  async #leader(): Promise<Controller | undefined> {
    for (const one of this.#controllers) {
      const fleet = await this.#call(one, 'GET', 'fleet').catch(() => undefined);
      const { leader } = (fleet?.body ?? {}) as { leader?: { leads: boolean } };
      if (leader?.leads === true) return one;
    }
    return undefined;
  }

  #healed(): Promise<void> {
    return until('somebody leads and every proxy obeys', async () => {
      const leader = await this.#leader();
      if (leader === undefined) return false;
      const { body } = await this.#call(leader, 'GET', 'fleet');
      const { leader: who, members } = body as FleetBody;
      const here = members.filter(({ connected, behind, term }) => connected && behind === 0 && term === who?.term);
      return here.length === this.#proxyPorts.length;
    });
  }

  /** A client of one proxy: what it gets must be an answer, and never one that nobody may give. */
  async #visit(port: number): Promise<void> {
    for (let n = 0; !this.#isOver; n += 1) {
      const path = n % 2 === 0 ? `/free/${n % 7}` : `/guarded/${n % 7}`;
      const wasLatched = this.#isLatched;
      this.#seen.requests += 1;
      try {
        const { status, side } = await this.#get(port, path);
        if (status !== 200) this.#seen.clientErrors.push(`${path}: ${status}`);
        if (side === 'candidate') this.#seen.byCandidate += 1;
        if (side === 'candidate' && path.startsWith('/guarded')) this.#seen.servedWithoutProof.push(path);
        if (side === 'candidate' && wasLatched && this.#isLatched) this.#seen.servedUnderLatch.push(path);
      } catch (error) {
        this.#seen.clientErrors.push(`${path}: ${String(error)}`);
      }
      await pause(REQUEST_MS);
    }
  }

  /** Somebody who turns dials, rolls back and lifts it, and remembers what was acknowledged. */
  async #decide(): Promise<void> {
    for (let n = 0; !this.#isOver; n += 1) {
      const leader = await this.#leader();
      if (leader === undefined) await pause(50);
      else if (n % 8 === 7) await this.#rollBackAndLift(leader).catch(() => undefined);
      else await this.#turnDial(leader).catch(() => undefined);
      await pause(30);
    }
  }

  async #turnDial(leader: Controller): Promise<void> {
    this.#numbers += 1;
    const scope = { endpoint: `GET /dial/${this.#numbers % 50}` };
    const { status, body } = await this.#call(leader, 'PUT', 'dials', { scope, dialPpm: this.#numbers });
    if (status === 200) this.#keep(body);
  }

  async #rollBackAndLift(leader: Controller): Promise<void> {
    this.#numbers += 1;
    const reason = `rollback number ${this.#numbers}.`;
    // One whose answer was lost may still hold.
    const { items: before } = (await this.#call(leader, 'GET', 'latch')).body as { items: { reason: string }[] };
    const { status, body } = await this.#call(leader, 'POST', 'rollback', { reason });
    if (status !== 200) return;
    const { journaledMs, proxies } = body as {
      journaledMs: number | null;
      proxies?: { acknowledged: unknown[]; missing: unknown[] };
    };
    const isKnown = journaledMs !== null || (proxies?.acknowledged.length ?? 0) > 0;
    const held = before.map((latch) => latch.reason).join('; ');
    const told = `journaled after ${journaledMs} ms, acknowledged by ${proxies?.acknowledged.length}, held before: ${held}`;
    if (isKnown) this.#rollbacks.push({ reason, told });
    this.#isLatched = proxies?.missing.length === 0 && proxies.acknowledged.length === this.#proxyPorts.length;
    await pause(200);
    // An answer may be lost on its way though it was lifted.
    let wasTried = false;
    await until('the rollback is lifted', async () => {
      if (this.#isOver) return true;
      const now = await this.#leader();
      if (now === undefined) return false;
      // A rollback that a proxy tells of when this one is lifted would be another one over everything: it comes first.
      const { body: latches } = await this.#call(now, 'GET', 'latch');
      const isGone = (latches as { items: unknown[] }).items.length === 0;
      if (isGone && (wasTried || isKnown)) return wasTried;
      this.#isLatched = false;
      wasTried = true;
      const { status: lifted, body: entry } = await this.#call(now, 'DELETE', 'latch', {});
      if (lifted === 200) this.#keep(entry);
      return lifted === 200 || lifted === 404 || lifted === 409;
    });
    this.#isLatched = false;
  }

  #keep(body: unknown): void {
    const { journal } = body as { journal: JournalEntry };
    this.#kept.push({ sequence: journal.sequence, hash: journal.hash });
  }

  async #call(
    { apiPort }: Controller,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const answer = await fetch(`http://127.0.0.1:${apiPort}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
    return { status: answer.status, body: await answer.json() };
  }

  #get(port: number, path: string): Promise<{ readonly status: number; readonly side: string | undefined }> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path, agent: this.#agent, timeout: 30_000 };
      const asked = request(options, (answer) => {
        answer.resume();
        answer.on('error', reject);
        const side = answer.headers['x-side'];
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, side: Array.isArray(side) ? side[0] : side }));
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer within 30 s')));
      asked.on('error', reject);
      asked.end();
    });
  }
}

interface FleetBody {
  readonly leader: { readonly term: number } | null;
  readonly members: readonly { readonly connected: boolean; readonly behind: number; readonly term: number }[];
}

function origin(side: string): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'application/json', 'x-side': side });
    outgoing.end(JSON.stringify({ path: incoming.url }));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Chosen before the process that listens there starts: it is given to others. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createPortServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function answers(port: number, path: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
  return answer?.status === 200;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > end) throw new Error(`Not within ${LIMIT_MS / 1_000} s: ${what}.`);
    await pause(50);
  }
}
