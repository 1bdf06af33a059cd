import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Settings, SideSettings } from '../../src/config/settings.ts';
import type { Cell, Side } from '../../src/core/cell.ts';
import { CellStates } from '../../src/core/cell-states.ts';
import { EndpointCatalog } from '../../src/core/endpoint-catalog.ts';
import type { Exchange } from '../../src/core/observation.ts';
import type { HealthChange, Log, ServedRecord, TrafficSink, UnverifiedReason } from '../../src/core/ports.ts';
import { type EndpointPolicy, type ListedEndpoint, PPM, type TableData } from '../../src/core/routing.ts';
import { compileTable } from '../../src/core/table.ts';
import { createProxy, type Proxy as DataPlane, type ProxyDeps } from '../../src/proxy/proxy.ts';
import { systemClock } from '../../src/telemetry/clock.ts';
import { evidenceSettings } from './traffic.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on a free port that counts what it was asked; `close` cuts its connections. */
export interface Origin {
  readonly url: string;
  readonly port: number;
  readonly server: http.Server;
  /** `METHOD target` of every request that reached it. */
  readonly requests: IncomingMessage[];
  close(): Promise<void>;
}

export async function startOrigin(handler: Handler): Promise<Origin> {
  const requests: IncomingMessage[] = [];
  const take: Handler = (request, response) => {
    requests.push(request);
    handler(request, response);
  };
  const server = http.createServer({ keepAliveTimeout: 30_000 }, take);
  server.on('checkContinue', take);
  const port = await listenAnywhere(server);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    server,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export async function listenAnywhere(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port; // a TCP server that listens has one
}

/** A port on which nothing listens: it was free a moment ago. */
export async function deadPort(): Promise<number> {
  const server = net.createServer();
  const port = await listenAnywhere(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Keeps what the proxy reports. */
export class KeptTraffic implements TrafficSink {
  readonly records: ServedRecord[] = [];
  readonly exchanges: Exchange[] = [];
  readonly reasons: { readonly cell: Cell; readonly reason: UnverifiedReason }[] = [];
  readonly changes: HealthChange[] = [];

  served(record: ServedRecord): void {
    this.records.push(record);
  }
  mirrored(exchange: Exchange): void {
    this.exchanges.push(exchange);
  }
  unverified(cell: Cell, reason: UnverifiedReason): void {
    this.reasons.push({ cell, reason });
  }
  health(change: HealthChange): void {
    this.changes.push(change);
  }
}

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Deep enough for the settings the tests change. */
export interface SettingsChange {
  readonly listen?: Settings['listen'];
  readonly tls?: NonNullable<Settings['tls']>;
  readonly control?: Partial<SideSettings>;
  readonly candidate?: Partial<SideSettings>;
  readonly identity?: Partial<Settings['identity']>;
  readonly ownSessions?: NonNullable<Settings['ownSessions']>;
  readonly trust?: Partial<Settings['trust']>;
  readonly mirror?: Partial<Settings['mirror']>;
  readonly limits?: Partial<Settings['limits']>;
  readonly proxy?: Partial<Settings['proxy']>;
}

export interface RigOptions {
  readonly control: string;
  readonly candidate: string;
  readonly settings?: SettingsChange;
  /** Default: mirrors off, no proof, dial 0. */
  readonly policy?: Partial<EndpointPolicy>;
  readonly endpoints?: readonly (Partial<EndpointPolicy> & { readonly id: string })[];
  readonly dialPpm?: number;
  readonly deps?: Partial<ProxyDeps>;
}

export interface Rig {
  readonly proxy: DataPlane;
  readonly port: number;
  readonly url: string;
  readonly sink: KeptTraffic;
  readonly settings: Settings;
  setDial(dialPpm: number): void;
  close(): Promise<void>;
}

/** A proxy on a free port in front of two servers; every request is tenant `acme`. */
export async function startRig(options: RigOptions): Promise<Rig> {
  const settings = rigSettings(options);
  const sink = new KeptTraffic();
  const data = (dialPpm: number, revision: number): TableData => ({ ...rigTable(options, dialPpm), revision });
  const proxy = createProxy({
    settings,
    table: compileTable(data(options.dialPpm ?? 0, 1)),
    catalog: new EndpointCatalog({ listed: listedOf(options), maxFound: 200 }),
    clock: systemClock,
    random: { next: () => 0 },
    log: silentLog,
    sink,
    recordKey: (_hash, side) => Promise.resolve(side),
    keyedSide: () => undefined,
    verifyToken: () => undefined,
    pressure: { isHigh: () => false, close: () => {} },
    ...options.deps,
  });
  const { port } = await proxy.listen().catch(async (error: unknown) => {
    await proxy.close();
    throw error;
  });
  let revision = 1;
  return {
    proxy,
    port,
    url: `http://127.0.0.1:${port}`,
    sink,
    settings,
    setDial: (dialPpm) => {
      revision += 1;
      proxy.setTable(compileTable(data(dialPpm, revision)));
    },
    close: () => proxy.close(),
  };
}

function listedOf(options: RigOptions): { method: string; template: string }[] {
  return (options.endpoints ?? []).map(({ id }) => {
    const [method = '', template = ''] = id.split(' ');
    return { method, template };
  });
}

const POLICY: EndpointPolicy = {
  proof: 'none',
  maxPpm: PPM,
  writes: false,
  acts: false,
  sharedValidators: false,
  salt: 'rig',
  mirrorPpm: 0,
  retired: false,
};

function rigTable(options: RigOptions, dialPpm: number): TableData {
  const defaults = { ...POLICY, ...options.policy };
  return {
    revision: 1,
    madeAt: 0,
    latches: [],
    force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
    pins: [],
    cohorts: {},
    dials: [{ scope: {}, dialPpm }],
    defaults,
    // The ids are written as the catalogue makes them.
    endpoints: (options.endpoints ?? []).map((endpoint) => ({ ...defaults, ...endpoint }) as ListedEndpoint),
    cells: CellStates.EMPTY,
  };
}

function sideSettings(target: string, change: Partial<SideSettings> | undefined): SideSettings {
  return {
    targets: [target],
    hostHeader: 'preserve',
    credentials: 'forward',
    credentialMap: [],
    connectTimeoutMs: 1_000,
    firstByteTimeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    maxConnections: 128,
    tls: { minVersion: 'TLSv1.2', insecure: false },
    health: { path: undefined, intervalMs: 1_000, timeoutMs: 500, unhealthyAfter: 1_000_000, healthyAfter: 1 },
    versionHeader: 'x-version',
    ...change,
  };
}

function rigSettings({ control, candidate, settings = {} }: RigOptions): Settings {
  return {
    ...(settings.tls === undefined ? {} : { tls: settings.tls }),
    listen: settings.listen ?? { host: '127.0.0.1', port: 0 },
    api: { listen: { host: '127.0.0.1', port: 0 }, tokenFile: '', hosts: [] },
    sides: {
      control: sideSettings(control, settings.control),
      candidate: sideSettings(candidate, settings.candidate),
    },
    identity: {
      tenant: [{ from: 'constant', value: 'acme' }],
      subject: [{ from: 'header', name: 'x-user' }, { from: 'address' }],
      salt: 'salt',
      ...settings.identity,
    },
    ...(settings.ownSessions === undefined ? {} : { ownSessions: settings.ownSessions }),
    trust: { networks: [], proxyProtocol: false, tokenSecret: undefined, ...settings.trust },
    force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
    cohorts: {},
    defaults: { dialPpm: 0, maxPpm: PPM, proof: 'none', mirrorPpm: 0, steps: [], dwellMs: 600_000 },
    endpoints: [],
    templates: [],
    notify: [],
    evidence: evidenceSettings(),
    protectedTenants: [],
    freezes: [],
    tripwires: { candidateFailures: undefined, hardDown: undefined, reverseMismatch: undefined },
    mirror: {
      perSecond: 1_000,
      concurrency: 64,
      timeoutMs: 2_000,
      maxBodyBytes: 65_536,
      maxMemoryBytes: 16_777_216,
      repeatPpm: PPM,
      repeatsPerSecond: 1_000,
      acts: [],
      ...settings.mirror,
    },
    compare: {
      rules: [],
      headers: [],
      keyOrder: false,
      workers: 1,
      queueLength: 100,
      timeoutMs: 50,
      maxDecodedBytes: 1_048_576,
      confirm: false,
    },
    redact: { names: [], bodies: 'none' },
    proxy: { fastLane: process.env['CUTOVER_TEST_LANE'] !== 'slow', ...settings.proxy },
    limits: {
      headBytes: 16_384,
      headerCount: 100,
      targetBytes: 8_192,
      headTimeoutMs: 10_000,
      bodyIdleTimeoutMs: 30_000,
      keepAliveTimeoutMs: 30_000,
      connections: 1_000,
      endpoints: 200,
      cells: 1_000,
      ...settings.limits,
    },
    drain: { timeoutMs: 1_000 },
    store: { dir: '', maxAgeMs: 0, maxBytes: 0 },
    log: { level: 'error' },
    tableMaxAgeMs: undefined,
  };
}

export interface Got {
  readonly status: number;
  readonly rawHeaders: string[];
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly rawTrailers: string[];
  readonly informational: { readonly status: number; readonly headers: http.IncomingHttpHeaders }[];
}

export interface Ask {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: http.OutgoingHttpHeaders | readonly string[];
  readonly body?: string | Buffer;
  readonly agent?: http.Agent | false;
}

/** One request by Node's client; rejects where the answer does not arrive whole. */
export function ask(port: number, options: Ask = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const informational: Got['informational'] = [];
    const request = http.request({
      host: '127.0.0.1',
      port,
      method: options.method ?? 'GET',
      path: options.target ?? '/',
      agent: options.agent ?? false,
      ...(options.headers === undefined ? {} : { headers: options.headers as http.OutgoingHttpHeaders }),
    });
    request.on('information', (info) => informational.push({ status: info.statusCode, headers: info.headers }));
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          rawHeaders: response.rawHeaders,
          headers: response.headers,
          body: Buffer.concat(chunks),
          rawTrailers: response.rawTrailers,
          informational,
        }),
      );
    });
    request.end(options.body);
  });
}

/** Sends bytes and gives everything that comes back until the connection ends or `untilQuietMs` pass without a byte. */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  options: { untilQuietMs?: number } = {},
): Promise<{ text: string; ended: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    const socket: Socket = net.connect(port, '127.0.0.1', () => socket.write(bytes as string, 'latin1'));
    const finish = (ended: boolean): void => {
      socket.destroy();
      resolve({ text, ended });
    };
    socket.setTimeout(options.untilQuietMs ?? 3_000, () => finish(false));
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('end', () => finish(true));
    socket.on('error', () => finish(true));
  });
}

/** Waits until `condition` holds; fails after `limitMs`. */
export async function until(condition: () => boolean, what: string, limitMs = 5_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Answers with the side's name. */
export function says(side: Side): Handler {
  return (_request, response) => {
    response.setHeader('x-version', `${side}-1`);
    response.end(side);
  };
}
