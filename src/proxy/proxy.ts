import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Settings, SideSettings } from '../config/settings.ts';
import type { OpenBreaker } from '../core/breaker.ts';
import { SIDES, type Side } from '../core/cell.ts';
import type { TokenFault } from '../core/claim.ts';
import type { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { CutoverError } from '../core/errors.ts';
import type { HeaderList } from '../core/observation.ts';
import type {
  AliasKeeper,
  AskAgain,
  BreakerChange,
  Clock,
  Log,
  Random,
  Timer,
  TrafficSink,
  UnverifiedReason,
} from '../core/ports.ts';
import type { RequestFacts } from '../core/routing.ts';
import type { Needs } from '../core/spending/need-book.ts';
import type { RoutingTable } from '../core/table.ts';
import { Repeats } from './ask-again.ts';
import { CandidateBreakers } from './breakers.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { ActiveRequest, Connection } from './connection.ts';
import { Decider, type ForceClaims, type Known } from './decider.ts';
import { drain } from './drain.ts';
import type { FastLane } from './fast/fast-connection.ts';
import { Forward, type ForwardDeps } from './forward.ts';
import { type Peer, plainAddress, TrustedNetworks } from './forwarded.ts';
import { toFlat } from './headers.ts';
import { createUpstream } from './http-upstream.ts';
import { KeyedRequest } from './keyed-request.ts';
import { Listener } from './listener.ts';
import { Mirrors } from './mirror.ts';
import { NodeExchange } from './node-exchange.ts';
import { LoopPressure, type Pressure } from './pressure.ts';
import { type Problem, rawProblem } from './problem.ts';
import { type GuardRules, guardRequest, type RawRequest, type RequestHead } from './request-guard.ts';
import { safeSink } from './safe-sink.ts';
import { Sessions } from './sessions.ts';
import { Upgrade } from './upgrade.ts';
import type { OnHealthChange, TargetStatus, Upstream } from './upstream.ts';

export interface ProxyDeps {
  readonly settings: Settings;
  readonly table: RoutingTable;
  readonly catalog: EndpointCatalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly sink: TrafficSink;
  /** Side recorded for an idempotency key; called only for unsafe requests of endpoints that may move. */
  readonly recordKey: (hash: string, side: Side) => Promise<Side>;
  /** Side already recorded, from memory; synchronous. */
  readonly keyedSide: (hash: string) => Side | undefined;
  readonly verifyToken: (token: string) => ForceClaims | undefined;
  /** A breaker of the candidate opened or closed; called synchronously, must not throw or block. */
  readonly onBreaker?: (change: BreakerChange) => void;
  /** A token that should name a request's tenant or subject says nothing; called synchronously, must not throw or block. */
  readonly onTokenFault?: (fault: TokenFault) => void;
  /** Tests bring their own; default: the event loop's delay. */
  readonly pressure?: Pressure;
  /** False serves upgrades as Node before 24.9 needs it. Default: by the running Node. */
  readonly upgradeCallback?: boolean;
}

/** A request described by hand. */
export interface DescribedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
  readonly address: string;
}

/** The data plane. */
export interface Proxy {
  /** Rejects with LISTEN_FAILED. */
  listen(): Promise<{ host: string; port: number }>;
  setTable(table: RoutingTable): void;
  /** What proofs still need, and so what mirrors are spent on first. Without it every request is worth the same. */
  takeNeeds(needs: Needs): void;
  /**
   * The sections of `settings` were replaced by others, all of which may change while it runs: what was made of them follows.
   * No request is lost: those under way are finished as they began.
   */
  settingsChanged(): void;
  readonly table: RoutingTable;
  /** The facts of a request described by hand, for explain. Throws INPUT_INVALID where the guard would refuse it. */
  factsOf(request: DescribedRequest): RequestFacts & { readonly address: string };
  readonly askAgain: AskAgain;
  /** Present where each side keeps sessions of its own. */
  readonly aliases: AliasKeeper | undefined;
  targets(): Readonly<Record<Side, readonly TargetStatus[]>>;
  /** Breakers of the candidate that are not closed; empty where there are none. */
  breakers(): readonly OpenBreaker[];
  /** Served requests in flight; mirrors are not counted. */
  outstanding(side: Side): number;
  /** While a reason is given nothing that the control serves is mirrored (counted as unverified). */
  pauseMirrors(reason: UnverifiedReason | undefined): void;
  /** Lossless drain; resolves when the last connection ended or the time is over. */
  drain(timeoutMs: number): Promise<{ finished: boolean; cut: number }>;
  /** Ends at once what is left. */
  close(): Promise<void>;
}

export function createProxy(deps: ProxyDeps): Proxy {
  return new DataPlane(deps);
}

/** How often stalled clients are looked for; the limits they run into are tens of seconds. */
const SWEEP_MS = 1_000;
/** Longer than the last piece of a copy that ran into its time limit takes. */
const COPY_GRACE_MS = 5_000;

class DataPlane implements Proxy {
  readonly askAgain: Repeats;
  readonly aliases: Sessions | undefined;
  readonly #deps: ProxyDeps;
  readonly #sink: TrafficSink;
  readonly #upstreams: Readonly<Record<Side, Upstream>>;
  readonly #copies: Record<Side, Upstream>;
  #copySettings: Readonly<Record<Side, SideSettings>>;
  readonly #pressure: Pressure;
  readonly #mirrors: Mirrors;
  readonly #breakers: CandidateBreakers | undefined;
  readonly #decider: Decider;
  readonly #listener: Listener;
  #rules: GuardRules;
  readonly #networks: TrustedNetworks;
  readonly #forwarding: ForwardDeps;
  readonly #watched = new Set<Forward>();
  /** Still carrying copies that began before the settings changed. */
  readonly #oldCopies = new Set<Upstream>();
  #sweep: Timer;

  constructor(deps: ProxyDeps) {
    const { settings, clock, log } = deps;
    this.#deps = deps;
    const counting = safeSink(deps.sink, log);
    this.#networks = new TrustedNetworks(settings.trust.networks);
    this.#rules = guardRules(settings);
    this.#upstreams = this.#openBoth(
      (side) => settings.sides[side],
      (change) => counting.health(change),
    );
    // Copies have sockets of their own; the served side's checks tell the health of both.
    this.#copySettings = { control: copySettings(settings, 'control'), candidate: copySettings(settings, 'candidate') };
    this.#copies = this.#openBoth((side) => this.#copySettings[side], ignoreHealth);
    this.#pressure = deps.pressure ?? new LoopPressure(clock);
    this.aliases = settings.ownSessions === undefined ? undefined : new Sessions(settings.ownSessions, clock);
    const { breaker } = settings.sides.candidate;
    this.#breakers =
      breaker === undefined ? undefined : new CandidateBreakers(breaker, clock, (change) => deps.onBreaker?.(change));
    this.#mirrors = new Mirrors({
      settings,
      clock,
      random: deps.random,
      sink: counting,
      upstreams: this.#copies,
      pressure: this.#pressure,
      ...(this.aliases === undefined ? {} : { sessions: this.aliases }),
      ...(this.#breakers === undefined ? {} : { breakers: this.#breakers }),
    });
    this.askAgain = new Repeats(this.#mirrors, (method, target) => this.#policyOf(method, target));
    this.#sink = {
      ...counting,
      served: (record) => {
        this.askAgain.servedOne(record.servedBy, record.upstreamMs);
        counting.served(record);
      },
    };
    this.#decider = new Decider(
      { ...deps, mirrors: this.#mirrors, networks: this.#networks, breakers: this.#breakers },
      deps.table,
    );
    this.#forwarding = {
      settings,
      upstreams: this.#upstreams,
      mirrors: this.#mirrors,
      breakers: this.#breakers,
      clock,
      log,
      sink: this.#sink,
      watched: this.#watched,
    };
    this.#listener = this.#createListener();
    this.#sweep = clock.after(SWEEP_MS, () => this.#sweepStalled());
  }

  get table(): RoutingTable {
    return this.#decider.table;
  }

  listen(): Promise<{ host: string; port: number }> {
    return this.#listener.listen();
  }

  setTable(table: RoutingTable): void {
    this.#decider.table = table;
  }

  takeNeeds(needs: Needs): void {
    this.#mirrors.spender.take(needs);
  }

  settingsChanged(): void {
    const { settings } = this.#deps;
    this.#rules = guardRules(settings);
    this.#reopenCopies();
    this.#mirrors.settingsChanged();
    this.askAgain.settingsChanged();
  }

  /** Copies of another number, or with another time limit, need pools that have room for them. */
  #reopenCopies(): void {
    const { settings, clock } = this.#deps;
    const before = this.#copySettings;
    this.#copySettings = { control: copySettings(settings, 'control'), candidate: copySettings(settings, 'candidate') };
    for (const side of SIDES) {
      if (JSON.stringify(before[side]) === JSON.stringify(this.#copySettings[side])) continue;
      const old = this.#copies[side];
      this.#copies[side] = this.#open(side, this.#copySettings[side], ignoreHealth);
      // By then every copy that travels over it has ended or run into its limit.
      this.#oldCopies.add(old);
      clock.after(before[side].firstByteTimeoutMs + COPY_GRACE_MS, () => {
        this.#oldCopies.delete(old);
        old.close();
      });
    }
  }

  factsOf(request: DescribedRequest): RequestFacts & { readonly address: string } {
    const trusted = this.#networks.includes(plainAddress(request.address));
    // As 1.0, so that a description without Host is complete.
    const raw = { ...request, httpVersion: '1.0', rawHeaders: toFlat(request.headers), trusted };
    const head = guardRequest(raw, this.#rules);
    if (head.kind === 'refusal')
      throw new CutoverError('INPUT_INVALID', `This request would be refused: ${head.detail}`);
    const peer = {
      address: plainAddress(request.address),
      trusted,
      localPort: String(this.#deps.settings.listen.port),
      proto: this.#deps.settings.tls === undefined ? ('http' as const) : ('https' as const),
    };
    const known = this.#decider.know(head, peer);
    return { ...known.facts, address: known.address };
  }

  targets(): Readonly<Record<Side, readonly TargetStatus[]>> {
    return { control: this.#upstreams.control.targets(), candidate: this.#upstreams.candidate.targets() };
  }

  breakers(): readonly OpenBreaker[] {
    return this.#breakers?.status() ?? [];
  }

  outstanding(side: Side): number {
    return this.#upstreams[side].outstanding();
  }

  pauseMirrors(reason: UnverifiedReason | undefined): void {
    this.#mirrors.pause(reason);
  }

  drain(timeoutMs: number): Promise<{ finished: boolean; cut: number }> {
    return drain(this.#listener, this.#deps.clock, timeoutMs);
  }

  async close(): Promise<void> {
    this.#sweep.cancel();
    this.#pressure.close();
    await this.#listener.close();
    const copies = [...Object.values(this.#copies), ...this.#oldCopies];
    for (const upstream of [...Object.values(this.#upstreams), ...copies]) upstream.close();
  }

  #createListener(): Listener {
    const { settings, clock, log, upgradeCallback } = this.#deps;
    const { tls, trust } = settings;
    return new Listener(
      {
        address: settings.listen,
        limits: settings.limits,
        networks: this.#networks,
        clock,
        log,
        ...(tls === undefined ? {} : { tls }),
        proxyProtocol: trust.proxyProtocol,
        ...(upgradeCallback === undefined ? {} : { upgradeCallback }),
      },
      {
        request: (connection, request, response) => this.#serve(connection, request, response),
        ...(settings.proxy.fastLane ? { fast: this.#fastLane() } : {}),
        stream: (peer, request, exchange) => this.#serveStream(peer, request, exchange),
        upgrade: (connection, request, socket, first) => this.#upgrade(connection, request, socket, first),
      },
    );
  }

  /** Refusals by the guard are answered here and are not in the served records: they belong to no endpoint. */
  #serve(connection: Connection, request: IncomingMessage, response: ServerResponse): ActiveRequest {
    const down = new NodeExchange(connection, request, response);
    try {
      const head = this.#guard(connection, request);
      if (head.kind === 'refusal') {
        down.problem(head, true);
        return REFUSED;
      }
      return this.#serveHead(connection.peer, head, down);
    } catch (error) {
      return this.#fault(error, down);
    }
  }

  #serveStream(peer: Peer, request: RawRequest, down: ClientExchange): ActiveRequest {
    try {
      const head = guardRequest(request, this.#rules);
      if (head.kind !== 'refusal') return this.#serveHead(peer, head, down);
      down.problem(head, true);
      return REFUSED;
    } catch (error) {
      return this.#fault(error, down);
    }
  }

  #fastLane(): Pick<FastLane, 'guard' | 'serve'> {
    return {
      guard: (connection, { method, target, rawHeaders }) => {
        const { trusted } = connection.peer;
        return guardRequest({ method, target, httpVersion: '1.1', rawHeaders, trusted }, this.#rules);
      },
      serve: (connection, head, exchange) => {
        try {
          return this.#serveHead(connection.peer, head, exchange);
        } catch (error) {
          return this.#fault(error, exchange);
        }
      },
    };
  }

  #serveHead(peer: Peer, head: RequestHead, down: ClientExchange): ActiveRequest {
    const known = this.#decider.know(head, peer);
    if (known.keyHash !== undefined && known.facts.keyedSide === undefined) {
      return this.#serveKeyed(down, { head, known, keyHash: known.keyHash });
    }
    const forward = new Forward(this.#forwarding, down, this.#decider.decide(head, known));
    forward.start();
    return forward;
  }

  #fault(error: unknown, down: ClientExchange): ActiveRequest {
    this.#deps.log.error('proxy.fault', { message: String(error) });
    if (down.hasBegun) down.destroy();
    else down.problem(FAULT, true);
    return REFUSED;
  }

  #serveKeyed(down: ClientExchange, keyed: { head: RequestHead; known: Known; keyHash: string }): ActiveRequest {
    const first = this.#decider.decide(keyed.head, keyed.known);
    return new KeyedRequest(this.#forwarding, down, {
      first,
      recorded: this.#deps.recordKey(keyed.keyHash, first.decision.side),
      remembered: () => this.#deps.keyedSide(keyed.keyHash),
      decideFor: (side) => ({ ...this.#decider.decide(keyed.head, keyed.known, side), arrivedAt: first.arrivedAt }),
    });
  }

  #upgrade(connection: Connection, request: IncomingMessage, socket: Socket, first: Buffer): void {
    const head = this.#guard(connection, request);
    if (head.kind === 'refusal' || !head.webSocket) {
      socket.on('error', () => socket.destroy());
      socket.end(rawProblem(head.kind === 'refusal' ? head : BAD_HANDSHAKE));
      return;
    }
    const known = this.#decider.know(head, connection.peer);
    const upgrade = new Upgrade(this.#forwarding, this.#decider.decideTunnel(head, known), { socket, first });
    upgrade.start();
  }

  #guard(connection: Connection, request: IncomingMessage): ReturnType<typeof guardRequest> {
    return guardRequest(
      {
        method: request.method ?? '',
        target: request.url ?? '',
        httpVersion: request.httpVersion,
        rawHeaders: request.rawHeaders,
        trusted: connection.peer.trusted,
      },
      this.#rules,
    );
  }

  #policyOf(method: string, target: string): ReturnType<RoutingTable['policyOf']> {
    const query = target.indexOf('?');
    const { endpoint } = this.#deps.catalog.match(method, query < 0 ? target : target.slice(0, query));
    return this.table.policyOf(endpoint);
  }

  #openBoth(settingsOf: (side: Side) => SideSettings, onHealth: OnHealthChange): Record<Side, Upstream> {
    const open = (side: Side): Upstream => this.#open(side, settingsOf(side), onHealth);
    return { control: open('control'), candidate: open('candidate') };
  }

  #open(side: Side, of: SideSettings, onHealth: OnHealthChange): Upstream {
    const { settings, clock, log } = this.#deps;
    const limits = { headBytes: settings.limits.headBytes, headerCount: settings.limits.headerCount };
    return createUpstream({ side, settings: of, clock, log, onHealth, limits });
  }

  #sweepStalled(): void {
    const now = this.#deps.clock.monotonic();
    for (const forward of this.#watched) {
      if (forward.stalledMs(now) > this.#deps.settings.limits.bodyIdleTimeoutMs) forward.giveUpClient();
    }
    this.#sweep = this.#deps.clock.after(SWEEP_MS, () => this.#sweepStalled());
  }
}

const FAULT: Problem = { status: 500, code: 'FAULT', detail: 'The proxy failed to handle the request.' };
const BAD_HANDSHAKE: Problem = { status: 400, code: 'REQUEST_REFUSED', detail: 'Not a WebSocket handshake.' };

/** An answer of our own is on its way; nothing is left to do when it ends. */
const REFUSED: ActiveRequest = { closed: () => undefined, inputBroken: () => false };

function ignoreHealth(): void {}

/**
 * A copy may take as long as the mirror's limit. The budgets bound how many are in flight, so the pool must never be what
 * refuses one: that would look like the side's own failure (I11).
 */
function copySettings(settings: Settings, side: Side): SideSettings {
  const own = settings.sides[side];
  const { concurrency, timeoutMs, repeatsPerSecond } = settings.mirror;
  return {
    ...own,
    firstByteTimeoutMs: timeoutMs,
    idleTimeoutMs: timeoutMs,
    // Repeats that all hang until their limit, and one burst more.
    maxConnections: Math.max(1, concurrency + Math.ceil((timeoutMs / 1_000 + 1) * repeatsPerSecond)),
    health: { ...own.health, path: undefined },
  };
}

function guardRules(settings: Settings): GuardRules {
  const names = [...settings.identity.tenant, ...settings.identity.subject].flatMap((source) =>
    source.from === 'header' ? [source.name.toLowerCase()] : [],
  );
  return {
    headerCount: settings.limits.headerCount,
    targetBytes: settings.limits.targetBytes,
    identityHeaders: new Set(names),
  };
}
