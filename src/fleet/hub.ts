import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Side } from '../core/cell.ts';
import { CutoverError } from '../core/errors.ts';
import type { Clock, Log, Timer } from '../core/ports.ts';
import type { Latch, TableData } from '../core/routing.ts';
import { scopeKey } from '../core/scope.ts';
import type { Needs } from '../core/spending/need-book.ts';
import { tableDelta } from '../core/table-delta.ts';
import { LineSocket } from './line-socket.ts';
import {
  ALIVE_MS,
  type Alive,
  type Down,
  type Hello,
  type KeyAsked,
  LINK_PATH,
  MAX_LINE_BYTES,
  PROTOCOL,
  type Report,
  SILENT_MS,
  TABLE_PATH,
  type ToldPlan,
  type Up,
  writtenTable,
} from './messages.ts';
import { hasToken } from './token.ts';

/** What a leader does with what its members tell. */
export interface HubWork {
  /** Takes what was served and compared; called in the order of the reports of each member. */
  readonly report: (report: Report) => void;
  readonly keys: (keys: readonly KeyAsked[]) => Promise<readonly Side[]>;
  /** A rollback that a member took alone: resolves when it is in force here; false: not yet, it will be told again. */
  readonly latch: (member: string, latch: Latch) => Promise<boolean>;
  readonly needs: () => Needs | undefined;
}

/** A certificate with those of its authorities, and its key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface HubOptions {
  /** Absent: members come over plain HTTP. */
  readonly certificate?: Certificate;
  readonly listen: { readonly host: string; readonly port: number };
  readonly token: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this process. */
  readonly id: string;
}

/** A member as people see it. */
export interface MemberView {
  readonly name: string;
  readonly role: string;
  readonly version: string;
  readonly door: string;
  readonly connected: boolean;
  readonly term: number;
  readonly revision: number;
  /** Milliseconds since it was heard of. */
  readonly silentMs: number;
  readonly waiting: number;
  readonly lost: number;
  /** Why it does not go by the plan of the fleet; empty: it does. */
  readonly planTrouble: string;
}

/** Who obeys a table, and who has not said so. */
export interface Acknowledged {
  readonly acknowledged: readonly { readonly name: string; readonly ms: number }[];
  readonly missing: readonly { readonly name: string; readonly why: string; readonly door: string }[];
}

/** Members at once; each is a proxy before a service. */
const MAX_MEMBERS = 256;
/** A member that left without a word is named as long as it may still serve somewhere. */
const REMEMBERED_MS = 24 * 3_600_000;
/** Times of tables kept, to tell how long a member took. */
const MAX_TIMES = 100;

interface Member {
  hello: Hello;
  alive: Alive | undefined;
  /** Requests in flight, as it last said. */
  outstanding: Readonly<Record<Side, number>>;
  line: LineSocket | undefined;
  heardAt: number;
  term: number;
  revision: number;
  /** When it said that it obeys the revision. */
  ackedAt: number;
  /** Last report that was taken. */
  taken: number;
  /** Table it was sent last: the next one may be a delta of it. */
  sent: { readonly term: number; readonly table: TableData } | undefined;
}

/** Where the members of a fleet are connected to a controller, whether it leads or stands by. */
export class Hub {
  readonly #options: HubOptions;
  readonly #server: Server;
  /** By the id of their process; at most MAX_MEMBERS. */
  readonly #members = new Map<string, Member>();
  readonly #waiters = new Set<() => void>();
  readonly #madeAt = new Map<number, number>();
  #work: HubWork | undefined;
  #term = 0;
  #began = 0;
  #leads = false;
  /** How often it began to lead anew: what was reported before may have been counted. */
  #run = 0;
  #table: TableData | undefined;
  #plan: ToldPlan | undefined;
  #unstored: readonly string[] = [];
  #timer: Timer | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    const { certificate } = options;
    const answer = (request: IncomingMessage, response: ServerResponse): void => this.#answer(request, response);
    this.#server = certificate === undefined ? createServer(answer) : createTlsServer(withFloor(certificate), answer);
    this.#server.on('upgrade', (request, socket: Duplex) => this.#upgrade(request, socket));
  }

  /** @throws CutoverError LISTEN_FAILED */
  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#options.listen;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        reject(
          new CutoverError(
            'LISTEN_FAILED',
            `Members of the fleet cannot be listened for on ${host}:${port}: ${error.message}.`,
            {
              hint: 'Give another address: --fleet-listen HOST:PORT.',
              cause: error,
            },
          ),
        );
      });
      this.#server.listen(port, host, resolve);
    });
    this.#timer = this.#options.clock.after(ALIVE_MS, () => this.#beat());
    const address = this.#server.address();
    return { host, port: typeof address === 'object' && address !== null ? address.port : port };
  }

  /** Connections from now on are made with another certificate. */
  renew(certificate: Certificate): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(withFloor(certificate));
  }

  /** Members belong to this process from now on: what it publishes counts above that of any leader before. */
  lead(term: number, began: number, work: HubWork): void {
    [this.#term, this.#began, this.#leads, this.#work] = [term, began, true, work];
    this.#run += 1;
    this.#tellAlive();
    if (this.#plan !== undefined) this.plan(this.#plan);
    if (this.#table !== undefined) this.publish(this.#table);
    const needs = work.needs();
    if (needs !== undefined) this.needs(needs);
  }

  /** The store is lost: nothing is decided any more, but members are kept, and a rollback reaches them. */
  pause(): void {
    this.#leads = false;
    this.#tellAlive();
  }

  /** It leads again and nobody else did: a new term of the same leader. */
  resume(term: number): void {
    this.#term = term;
    this.#began = this.#table?.revision ?? this.#began;
    this.#leads = this.#work !== undefined;
    this.#tellAlive();
    if (this.#table !== undefined) this.publish(this.#table);
  }

  /** Another one leads, or nobody: members are told, and what they report is not taken. */
  standBy(): void {
    [this.#leads, this.#work, this.#table, this.#plan] = [false, undefined, undefined, undefined];
    for (const member of this.#members.values()) member.sent = undefined;
    this.#tellAlive();
  }

  get leads(): boolean {
    return this.#leads;
  }

  get term(): number {
    return this.#term;
  }

  /** The store has a latch that it had not: members need not keep it beyond this leader. */
  stored(key: string): void {
    this.#unstored = this.#unstored.filter((other) => other !== key);
    if (this.#work !== undefined) this.#toAll({ t: 'latched', key });
  }

  /** Sends a table to every member; they obey at once. Before this process has led it is only kept. */
  publish(table: TableData, unstored: readonly string[] = this.#unstored): void {
    [this.#table, this.#unstored] = [table, unstored];
    if (this.#work === undefined) return;
    this.#madeAt.set(table.revision, this.#options.clock.monotonic());
    const oldest = this.#madeAt.keys().next();
    if (this.#madeAt.size > MAX_TIMES && oldest.done !== true) this.#madeAt.delete(oldest.value);
    // Members that have the same table get the same line.
    const lines = new Map<TableData | undefined, string>();
    for (const member of this.#members.values()) if (member.line !== undefined) this.#sendTable(member, lines);
  }

  /** The plan of what is published from now on; members take it with the next table. */
  plan(plan: ToldPlan): void {
    this.#plan = plan;
    if (this.#work === undefined) return;
    this.#toAll({ t: 'plan', ...plan });
  }

  needs(needs: Needs): void {
    this.#toAll({ t: 'needs', needs });
  }

  /** Waits until every connected member obeys the revision, at most `limitMs`; those that are not connected are not waited for. */
  acknowledged(revision: number, limitMs: number): Promise<Acknowledged> {
    const { clock } = this.#options;
    const term = this.#term;
    const isMissing = (member: Member): boolean =>
      member.line !== undefined && (member.term < term || member.revision < revision);
    return new Promise((resolve) => {
      const look = (): void => {
        if (![...this.#members.values()].some(isMissing)) finish();
      };
      const timer = clock.after(limitMs, () => finish());
      const finish = (): void => {
        this.#waiters.delete(look);
        timer.cancel();
        resolve(this.#who(term, revision));
      };
      this.#waiters.add(look);
      look();
    });
  }

  members(): readonly (MemberView & Required<Pick<Alive, 'breakers'>>)[] {
    const now = this.#options.clock.monotonic();
    return [...this.#members.values()].map(({ hello, alive, line, heardAt, term, revision }) => ({
      name: hello.name,
      role: hello.role,
      version: hello.version,
      door: hello.door,
      connected: line !== undefined,
      term,
      revision,
      silentMs: Math.max(0, now - heardAt),
      waiting: alive?.waiting ?? 0,
      lost: alive?.lost ?? 0,
      planTrouble: alive?.plan.trouble ?? '',
      breakers: line === undefined ? [] : (alive?.breakers ?? []),
    }));
  }

  /** Requests in flight at all members. */
  outstanding(side: Side): number {
    let sum = 0;
    for (const { line, outstanding } of this.#members.values()) if (line !== undefined) sum += outstanding[side];
    return sum;
  }

  cachedForSeconds(): number {
    return Math.max(0, ...[...this.#members.values()].map(({ alive }) => alive?.cachedForSeconds ?? 0));
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    for (const { line } of this.#members.values()) line?.close('the controller ends');
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #who(term: number, revision: number): Acknowledged {
    const madeAt = this.#madeAt.get(revision) ?? 0;
    const acknowledged: Acknowledged['acknowledged'][number][] = [];
    const missing: Acknowledged['missing'][number][] = [];
    for (const { hello, line, term: hasTerm, revision: hasRevision, ackedAt, heardAt } of this.#members.values()) {
      const { name, door } = hello;
      const silentS = ((this.#options.clock.monotonic() - heardAt) / 1_000).toFixed(0);
      if (line === undefined) missing.push({ name, door, why: `not connected, last heard of ${silentS} s ago` });
      else if (hasTerm > term) missing.push({ name, door, why: `obeys the leader of term ${hasTerm}` });
      else if (hasTerm < term || hasRevision < revision)
        missing.push({ name, door, why: 'connected, has not answered' });
      else acknowledged.push({ name, ms: Math.max(0, ackedAt - madeAt) });
    }
    return { acknowledged, missing };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const reply = (status: number, body: string): void => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body);
    };
    if (!hasToken(request.headers.authorization, this.#options.token)) reply(401, '{"detail":"The token is wrong."}');
    else if (request.method !== 'GET' || request.url !== TABLE_PATH) reply(404, '{"detail":"There is nothing here."}');
    // Asked by members whose connection is not let through.
    else if (this.#table === undefined || this.#work === undefined)
      reply(503, '{"detail":"This controller does not lead."}');
    else reply(200, this.#wholeLine(this.#table));
  }

  #upgrade(request: IncomingMessage, socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    };
    const { upgrade = '', authorization } = request.headers;
    if (!hasToken(authorization, this.#options.token)) refuse('401 Unauthorized');
    else if (request.url !== LINK_PATH) refuse('404 Not Found');
    else if (upgrade.toLowerCase() !== PROTOCOL) refuse('426 Upgrade Required');
    else this.#open(socket);
  }

  #open(socket: Duplex): void {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${PROTOCOL}\r\n\r\n`);
    let member: Member | undefined;
    const line = new LineSocket(socket, {
      maxLineBytes: MAX_LINE_BYTES,
      onMessage: (message) => {
        // The token was right: what comes is of our own making.
        const up = message as Up;
        if (up.t === 'hello') member = this.#join(up, line);
        else if (member !== undefined && member.line === line) this.#take(member, up);
      },
      onClose: (why) => {
        if (member === undefined || member.line !== line) return;
        member.line = undefined;
        this.#options.log.warn('fleet.member-gone', { member: member.hello.name, why });
        this.#changed();
      },
    });
  }

  #join(hello: Hello, line: LineSocket): Member | undefined {
    const known = this.#members.get(hello.id);
    if (known === undefined && this.#members.size >= MAX_MEMBERS && !this.#forgetOldest()) {
      line.close('too many members');
      return undefined;
    }
    // A restart of the same proxy takes the place of the process before.
    for (const [id, other] of this.#members)
      if (other.hello.name === hello.name && id !== hello.id && other.line === undefined) this.#members.delete(id);
    known?.line?.close('connected anew');
    const now = this.#options.clock.monotonic();
    const member: Member = {
      hello,
      alive: known?.alive,
      outstanding: known?.outstanding ?? { control: 0, candidate: 0 },
      line,
      heardAt: now,
      term: hello.term,
      revision: hello.revision,
      ackedAt: now,
      taken: known?.taken ?? 0,
      sent: undefined,
    };
    this.#members.set(hello.id, member);
    this.#options.log.info('fleet.member-joined', { member: hello.name, door: hello.door, version: hello.version });
    line.send({ t: 'welcome', ...this.#standing() } satisfies Down);
    if (this.#work !== undefined && this.#plan !== undefined) line.send({ t: 'plan', ...this.#plan } satisfies Down);
    this.#sendTable(member, new Map());
    const needs = this.#work?.needs();
    if (needs !== undefined) line.send({ t: 'needs', needs } satisfies Down);
    return member;
  }

  #take(member: Member, up: Exclude<Up, Hello>): void {
    member.heardAt = this.#options.clock.monotonic();
    if (up.t === 'alive') {
      [member.alive, member.outstanding] = [up, up.outstanding];
      this.#obeys(member, up.term, up.revision);
    } else if (up.t === 'ack') {
      member.outstanding = up.outstanding;
      this.#obeys(member, up.term, up.revision);
    } else if (up.t === 'report') this.#takeReport(member, up);
    else if (up.t === 'keys') void this.#answerKeys(member, up.number, up.keys);
    else if (up.t === 'latch') void this.#takeLatch(member, up.latch);
    else if (up.t === 'whole') {
      member.sent = undefined;
      this.#sendTable(member, new Map());
    } else {
      this.#members.delete(member.hello.id);
      member.line?.close('said goodbye');
      this.#changed();
    }
  }

  #obeys(member: Member, term: number, revision: number): void {
    if (member.term === term && member.revision === revision) return;
    [member.term, member.revision] = [term, revision];
    member.ackedAt = this.#options.clock.monotonic();
    this.#changed();
  }

  /** A report that came before, over a connection that broke, is not counted twice. */
  #takeReport(member: Member, report: Report): void {
    if (!this.#leads || this.#work === undefined) return;
    if (report.number > member.taken) {
      member.taken = report.number;
      this.#work.report(report);
    }
    member.line?.send({ t: 'taken', number: report.number } satisfies Down);
  }

  async #answerKeys(member: Member, number: number, keys: readonly KeyAsked[]): Promise<void> {
    const sides = await (this.#leads ? this.#work?.keys(keys) : undefined)?.catch(() => undefined);
    member.line?.send({ t: 'keys', number, sides: sides ?? null } satisfies Down);
  }

  async #takeLatch(member: Member, latch: Latch): Promise<void> {
    if (!this.#leads || this.#work === undefined) return;
    try {
      if (await this.#work.latch(member.hello.name, latch))
        member.line?.send({ t: 'latched', key: scopeKey(latch.scope) } satisfies Down);
    } catch (error) {
      // The member holds it, and tells it again.
      this.#options.log.error('fleet.latch-refused', { member: member.hello.name, message: String(error) });
    }
  }

  #sendTable(member: Member, lines: Map<TableData | undefined, string>): void {
    const table = this.#table;
    if (table === undefined || member.line === undefined || this.#work === undefined) return;
    const before = member.sent?.term === this.#term ? member.sent.table : undefined;
    let line = lines.get(before);
    if (line === undefined) {
      line = before === undefined ? this.#wholeLine(table) : this.#deltaLine(before, table);
      lines.set(before, line);
    }
    member.sent = { term: this.#term, table };
    member.line.sendLine(line);
  }

  #wholeLine(table: TableData): string {
    return JSON.stringify({ t: 'table', ...this.#ofLeader(), table: writtenTable(table) } satisfies Down);
  }

  #deltaLine(before: TableData, table: TableData): string {
    return JSON.stringify({ t: 'delta', ...this.#ofLeader(), delta: tableDelta(before, table) } satisfies Down);
  }

  #ofLeader(): Pick<Extract<Down, { readonly t: 'table' }>, 'term' | 'began' | 'plan' | 'unstored'> {
    return { term: this.#term, began: this.#began, plan: this.#plan?.hash ?? '', unstored: this.#unstored };
  }

  #standing(): { readonly run: string; readonly leads: boolean; readonly term: number } {
    return { run: `${this.#options.id}:${this.#run}`, leads: this.#leads, term: this.#term };
  }

  #tellAlive(): void {
    this.#toAll({ t: 'alive', ...this.#standing() });
  }

  #toAll(message: Down): void {
    const line = JSON.stringify(message);
    for (const member of this.#members.values()) member.line?.sendLine(line);
  }

  #beat(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    for (const [id, member] of this.#members) {
      if (member.line !== undefined && now - member.heardAt > SILENT_MS) member.line.close('silent');
      else if (member.line === undefined && now - member.heardAt > REMEMBERED_MS) this.#members.delete(id);
    }
    this.#tellAlive();
    this.#timer = clock.after(ALIVE_MS, () => this.#beat());
  }

  /** Makes room by the member that was gone for longest. */
  #forgetOldest(): boolean {
    const gone = [...this.#members].filter(([, { line }]) => line === undefined);
    const oldest = gone.sort(([, a], [, b]) => a.heardAt - b.heardAt)[0];
    return oldest !== undefined && this.#members.delete(oldest[0]);
  }

  #changed(): void {
    for (const look of [...this.#waiters]) look();
  }
}

/** All members are of our making: nobody needs less. */
function withFloor(certificate: Certificate): Certificate & { readonly minVersion: 'TLSv1.3' } {
  return { ...certificate, minVersion: 'TLSv1.3' };
}
