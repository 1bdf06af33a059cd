import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { Settings } from '../config/settings.ts';
import { CutoverError, ERRORS, isCutoverError } from '../core/errors.ts';
import type { Clock, Log } from '../core/ports.ts';
import { Hub } from '../fleet/hub.ts';
import { sharedKey } from '../fleet/token.ts';
import { ensureSecret } from '../store/state-dir.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLog } from '../telemetry/log.ts';
import { followCertificate, readCertificate } from './fleet-tls.ts';
import type { PlanOrigin } from './plan-keeper.ts';
import { openSharedStore, type SharedStore } from './shared-store.ts';
import { listenStandby, type Standby } from './standby.ts';
import { type Running, startCutover } from './start.ts';

export interface ControllerSettings {
  readonly settings: Settings;
  /** Reads the configuration anew, for the plan to begin with; asked whenever this process begins to lead. Absent: it keeps no plans. */
  readonly plan?: () => { readonly settings: Settings; readonly origin: PlanOrigin };
  readonly name: string;
  /** Where proxies connect. */
  readonly fleetListen: { readonly host: string; readonly port: number };
  /** Files in PEM; absent: proxies connect over plain HTTP. */
  readonly fleetTls?: { readonly certFile: string | undefined; readonly keyFile: string | undefined };
}

/** A controller of a fleet, leading or standing by. */
export interface FleetProcess {
  /** Where members connect, as `http://host:port` or `https://host:port`. */
  readonly fleetUrl: string;
  /** Of the control API, once it leads; of what says that it stands by until then. */
  readonly apiUrl: () => string;
  readonly leads: () => boolean;
  /** Reads its configuration file again where it leads; undefined where it stands by: it reads it when it begins to lead. */
  reload(): ReturnType<Running['reload']>;
  /** Rejects when it can go on no more. */
  readonly ended: Promise<never>;
  close(): Promise<void>;
}

/** Pause before a store that could not be reached is tried again. */
const AGAIN_MS = 1_000;

/**
 * Starts a controller: it stands by until it leads, decides as long as it does, and stands by again.
 * @throws CutoverError LISTEN_FAILED, STORE_NEWER, USAGE
 */
export async function startController(options: ControllerSettings): Promise<FleetProcess> {
  const { settings } = options;
  if (settings.store.url === undefined)
    throw new CutoverError('USAGE', 'A controller of a fleet needs a database that all of them share.', {
      hint: 'Give --store postgres://…, or store: {url: {env: NAME}} in the configuration. On one machine, cutover run needs none.',
    });
  const log = createLog({ level: settings.log.level, write: (line) => process.stdout.write(line) });
  await mkdir(settings.store.dir, { recursive: true, mode: 0o700 });
  const token = await ensureSecret(settings.api.tokenFile, 32);
  const tls = readCertificate(options.fleetTls?.certFile, options.fleetTls?.keyFile);
  const certificate = tls === undefined ? {} : { certificate: tls.pair };
  const hub = new Hub({
    ...certificate,
    listen: options.fleetListen,
    token,
    clock: systemClock,
    log,
    id: randomUUID(),
  });
  const address = await hub.listen();
  const reign = new Reign(options, settings.store.url, { hub, token, log, clock: systemClock });
  try {
    await reign.begin();
  } catch (error) {
    await reign.close();
    await hub.close();
    throw error;
  }
  const stopFollowing =
    tls === undefined
      ? () => undefined
      : followCertificate(tls.files, { clock: systemClock, log, onNew: (pair) => hub.renew(pair) });
  if (tls === undefined && !isLoopback(address.host)) log.warn('fleet.not-encrypted', { address: address.host });
  log.info('fleet.listening', { address: `${address.host}:${address.port}`, controller: options.name });
  return {
    fleetUrl: `${tls === undefined ? 'http' : 'https'}://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`,
    apiUrl: () => reign.apiUrl,
    leads: () => hub.leads,
    reload: () => reign.reload(),
    ended: reign.ended,
    close: async () => {
      stopFollowing();
      await reign.close();
      await hub.close();
    },
  };
}

interface Ground {
  readonly hub: Hub;
  readonly token: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** Standing by, leading, standing by: one after the other. */
class Reign {
  readonly ended: Promise<never>;
  readonly #options: ControllerSettings;
  readonly #url: string;
  readonly #ground: Ground;
  #standby: Standby | undefined;
  #shared: SharedStore | undefined;
  #running: Running | undefined;
  #trouble = '';
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;
  #end: (error: unknown) => void = () => undefined;

  constructor(options: ControllerSettings, url: string, ground: Ground) {
    this.#options = options;
    this.#url = url;
    this.#ground = ground;
    this.ended = new Promise<never>((_, reject) => {
      this.#end = reject;
    });
    this.ended.catch(() => undefined);
  }

  get apiUrl(): string {
    return this.#running?.apiUrl ?? this.#standby?.url ?? '';
  }

  /** Resolves once it stands by, and leads if nobody else does. */
  async begin(): Promise<void> {
    await this.#standBy();
    await this.#turn;
  }

  async reload(): ReturnType<Running['reload']> {
    return this.#running?.reload();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn.catch(() => undefined);
    await this.#stop();
  }

  async #standBy(): Promise<void> {
    const { listen } = this.#options.settings.api;
    this.#standby = await listenStandby({ listen, why: () => this.#whyStandingBy() });
    await this.#openStore();
  }

  /** Only a database that cannot be used at all ends it; one that is not there yet may come. */
  async #openStore(): Promise<void> {
    const { clock, log, hub } = this.#ground;
    if (this.#isClosed) return;
    try {
      const shared = await openSharedStore({
        url: this.#url,
        name: this.#options.name,
        address: () => this.apiUrl,
        clock,
        log,
        onFirst: (term) => this.#next(() => this.#tryToLead(shared, term)),
        onLost: () => hub.pause(),
        onContinued: (term) => hub.resume(term),
        onOvertaken: () => this.#next(() => this.#again()),
      });
      this.#shared = shared;
      await shared.leadership.start();
      this.#trouble = '';
    } catch (error) {
      if (!isCutoverError(error) || !ERRORS[error.code].retryable) throw error;
      if (this.#trouble !== error.message) log.warn('fleet.store-unreachable', { message: error.message });
      this.#trouble = error.message;
      // One that was opened goes on trying to lead by itself.
      if (this.#shared === undefined) clock.after(AGAIN_MS, () => this.#next(() => this.#openStore()));
    }
  }

  /** A database that is lost while everything starts is no reason to end: somebody leads once it is back. */
  async #tryToLead(shared: SharedStore, term: number): Promise<void> {
    try {
      await this.#lead(shared, term);
    } catch (error) {
      if (!isCutoverError(error) || !error.code.startsWith('STORE_') || !ERRORS[error.code].retryable) throw error;
      this.#ground.log.warn('fleet.not-begun', { code: error.code, message: error.message });
      await this.#again();
    }
  }

  async #lead(shared: SharedStore, term: number): Promise<void> {
    const { hub, token } = this.#ground;
    if (this.#isClosed) return;
    const revision = (await shared.store.loadState()).get('revision');
    await this.#standby?.close();
    this.#standby = undefined;
    const { settings = this.#options.settings, origin } = this.#options.plan?.() ?? {};
    this.#running = await startCutover(settings, {
      ...(origin === undefined ? {} : { origin }),
      fleet: {
        name: this.#options.name,
        store: shared.store,
        hub,
        term: shared.leadership.term ?? term,
        began: revisionOf(revision),
        redactKey: sharedKey(token, 'redaction'),
      },
    });
    // It may have been lost, and gained again, while everything was started.
    const now = shared.leadership.term;
    if (now === undefined) hub.pause();
    else if (now !== hub.term) hub.resume(now);
  }

  /** Another one decided meanwhile: what this process holds in memory is not what is stored. */
  async #again(): Promise<void> {
    this.#ground.log.warn('fleet.overtaken', { controller: this.#options.name });
    await this.#stop();
    if (!this.#isClosed) await this.#standBy();
  }

  async #stop(): Promise<void> {
    this.#ground.hub.standBy();
    const [running, shared, standby] = [this.#running, this.#shared, this.#standby];
    [this.#running, this.#shared, this.#standby] = [undefined, undefined, undefined];
    // Closes the store with everything else, where it was started.
    await running?.close();
    await shared?.store.close();
    await standby?.close();
  }

  /** One thing after the other; what cannot be gone on from ends the process. */
  #next(run: () => Promise<void>): void {
    this.#turn = this.#turn.then(run).catch((error: unknown) => {
      this.#ground.log.error('fleet.controller-failed', {
        message: error instanceof Error ? error.message : String(error),
      });
      this.#end(error);
    });
  }

  #whyStandingBy(): string {
    const leader = this.#shared?.leadership.leader;
    if (this.#trouble !== '') return `This controller stands by: ${this.#trouble}`;
    if (leader === undefined) return 'This controller stands by: nobody leads yet.';
    return `This controller stands by: ${leader.name} leads, at ${leader.address}.`;
  }
}

/** Nobody listens in on the machine itself. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** Of the state item `revision`; 0 in an empty store. */
function revisionOf(item: unknown): number {
  if (typeof item !== 'object' || item === null || !('revision' in item)) return 0;
  return typeof item.revision === 'number' ? item.revision : 0;
}
