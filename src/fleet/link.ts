import { type ClientRequest, request } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Clock, Log, Timer } from '../core/ports.ts';
import type { TableData } from '../core/routing.ts';
import { LineSocket } from './line-socket.ts';
import {
  ALIVE_MS,
  type Down,
  type Hello,
  LINK_PATH,
  MAX_LINE_BYTES,
  PROTOCOL,
  SILENT_MS,
  TABLE_PATH,
  type ToldPlan,
  type Up,
} from './messages.ts';

export interface LinkOptions {
  /** `http://host:port` or `https://host:port` of a controller's door for members. */
  readonly controller: string;
  /** The authority of its certificate, in PEM, asked for each connection; absent: those that Node brings. */
  readonly authority?: () => string;
  readonly token: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly hello: () => Hello;
  readonly onDown: (link: Link, message: Down) => void;
  readonly onClosed: (link: Link) => void;
}

const RETRY_MS = { first: 100, most: 1_000 } as const;
/** How often a controller is asked for its table that does not let a connection through. */
const POLL_MS = 1_000;

/** The way to one controller: a connection that is made again whenever it is lost, and asking for the table meanwhile. */
export class Link {
  readonly controller: string;
  /** As the controller last said of itself. */
  leads = false;
  term = 0;
  run = '';
  /** The table this controller told last: what its deltas are of. */
  table: TableData | undefined;
  /** The plan it told last. */
  plan: ToldPlan | undefined;
  readonly #options: LinkOptions;
  #line: LineSocket | undefined;
  #asking: ClientRequest | undefined;
  #timer: Timer | undefined;
  #watch: Timer | undefined;
  #heardAt = 0;
  #retryMs: number = RETRY_MS.first;
  #trouble = '';
  #isClosed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.controller = options.controller;
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#line !== undefined;
  }

  /** Why there is no connection, for people; empty while there is one. */
  get trouble(): string {
    return this.#line === undefined ? this.#trouble : '';
  }

  send(message: Up): void {
    this.#line?.send(message);
  }

  sendLine(line: string): void {
    this.#line?.sendLine(line);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#watch?.cancel();
    this.#asking?.destroy();
    this.#line?.close('the member ends');
  }

  #connect(): void {
    const asked = this.#ask(LINK_PATH, { connection: 'Upgrade', upgrade: PROTOCOL });
    asked.on('upgrade', (_, socket, head) => {
      asked.setTimeout(0);
      socket.setTimeout(0);
      this.#opened(socket, head);
    });
    asked.on('response', (response) => {
      response.resume();
      this.#failed(`answered ${response.statusCode}${response.statusCode === 401 ? ': the token is wrong' : ''}`);
    });
    asked.on('error', (error) => this.#failed(error.message));
  }

  #opened(socket: import('node:stream').Duplex, head: Buffer): void {
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    const line = new LineSocket(socket, {
      maxLineBytes: MAX_LINE_BYTES,
      onMessage: (message) => {
        this.#heardAt = this.#options.clock.monotonic();
        this.#take(message as Down); // the token was right at both ends
      },
      onClose: (why) => this.#closed(why),
    });
    this.#line = line;
    this.#retryMs = RETRY_MS.first;
    this.#heardAt = this.#options.clock.monotonic();
    if (this.#trouble !== '') this.#options.log.info('fleet.controller-reached', { controller: this.controller });
    this.#trouble = '';
    this.#listen();
    line.send(this.#options.hello());
    if (head.length > 0) socket.unshift(head);
  }

  #take(message: Down): void {
    if (message.t === 'welcome' || message.t === 'alive')
      [this.leads, this.term, this.run] = [message.leads, message.term, message.run];
    this.#options.onDown(this, message);
  }

  #closed(why: string): void {
    this.#line = undefined;
    this.#watch?.cancel();
    [this.leads, this.table, this.plan] = [false, undefined, undefined];
    if (this.#isClosed) return;
    this.#options.onClosed(this);
    this.#failed(why);
  }

  /** An end that is silent is gone, whatever its connection looks like. */
  #listen(): void {
    this.#watch = this.#options.clock.after(ALIVE_MS, () => {
      if (this.#options.clock.monotonic() - this.#heardAt > SILENT_MS) this.#line?.close('silent');
      else this.#listen();
    });
  }

  #failed(why: string): void {
    if (this.#isClosed || this.#line !== undefined) return;
    const { clock, log } = this.#options;
    if (this.#trouble !== why) log.warn('fleet.controller-unreachable', { controller: this.controller, why });
    this.#trouble = why;
    this.#timer?.cancel();
    const isPolling = this.#retryMs >= POLL_MS;
    this.#timer = clock.after(this.#retryMs, () => {
      if (isPolling) this.#poll();
      this.#connect();
    });
    this.#retryMs = Math.min(RETRY_MS.most, this.#retryMs * 2);
  }

  /** Where plain requests pass and upgrades do not, the table comes all the same. */
  #poll(): void {
    const asked = this.#ask(TABLE_PATH, {});
    asked.on('error', () => undefined);
    asked.on('response', (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('error', () => undefined);
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > MAX_LINE_BYTES) response.destroy();
        else pieces.push(piece);
      });
      response.on('end', () => {
        if (response.statusCode !== 200 || this.#isClosed || this.#line !== undefined) return;
        try {
          this.#options.onDown(this, JSON.parse(Buffer.concat(pieces).toString()) as Down);
        } catch {
          // Somebody else's answer: the next one may be right.
        }
      });
    });
  }

  #ask(path: string, headers: Readonly<Record<string, string>>): ClientRequest {
    const { token, authority } = this.#options;
    const options = {
      headers: { ...headers, authorization: `Bearer ${token}` },
      timeout: SILENT_MS,
      agent: false,
    } as const;
    const place = `${this.controller}${path}`;
    const asked = place.startsWith('https:')
      ? requestTls(place, {
          ...options,
          minVersion: 'TLSv1.3',
          ...(authority === undefined ? {} : { ca: authority() }),
        })
      : request(place, options);
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${SILENT_MS / 1000} s`)));
    asked.end();
    if ('upgrade' in headers) this.#asking = asked;
    return asked;
  }
}
