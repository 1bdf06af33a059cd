import type { BreakerPolicy } from '../core/breaker.ts';
import type { CanaryPolicy } from '../core/canary.ts';
import type { Side, TenantId } from '../core/cell.ts';
import type { TenantClass } from '../core/class-order.ts';
import type { Freeze } from '../core/freeze.ts';
import type { Source } from '../core/identity.ts';
import type { NoticeKind } from '../core/notice.ts';
import type { Lock } from '../core/plan/locks.ts';
import type { RampStep } from '../core/ramp.ts';
import type { ForceList, Proof } from '../core/routing.ts';
import type { ComparisonPolicy } from '../core/rule.ts';
import type { TripwirePolicy } from '../core/tripwire.ts';

export type { Source } from '../core/identity.ts';

/**
 * The configuration as the program uses it: defaults filled in, units in the names, everything checked.
 * Made by `loadSettings`; nothing else makes one. Changing a field here means changing `schema.ts`, which documents it.
 */
export interface Settings {
  readonly listen: Address;
  /** Absent: clients speak plain HTTP. */
  readonly tls?: ServerTlsSettings;
  readonly api: ApiSettings;
  readonly sides: Readonly<Record<Side, SideSettings>>;
  readonly identity: IdentitySettings;
  /** Credentials that each side makes for itself; absent: what one side makes the other knows. At most 32. */
  readonly ownSessions?: readonly CredentialName[];
  readonly trust: TrustSettings;
  readonly force: Readonly<Record<Side, ForceList>>;
  readonly cohorts: Readonly<Record<string, readonly TenantId[]>>;
  readonly defaults: EndpointDefaults;
  readonly endpoints: readonly EndpointSettings[];
  /** Further templates that are known, from a description: only what endpoints are called, no settings of their own. */
  readonly templates: readonly { readonly method: string; readonly template: string }[];
  readonly evidence: EvidenceSettings;
  /** Classes of tenants in the order in which they move, at most 20; absent: none but the protected. */
  readonly classes?: readonly TenantClass[];
  /** Tenants that are promoted last. */
  readonly protectedTenants: readonly TenantId[];
  /** What a new candidate version gets at first; absent: all that is open. */
  readonly canary?: CanaryPolicy;
  /** When nothing is raised; at most 100. */
  readonly freezes: readonly Freeze[];
  /** Where nothing moves towards the candidate; absent: nowhere. At most 1,000. */
  readonly locked?: readonly Lock[];
  readonly tripwires: TripwirePolicy;
  readonly mirror: MirrorSettings;
  readonly compare: CompareSettings;
  readonly redact: RedactSettings;
  /** How requests are read. `fastLane`: plain ones without `node:http`. */
  readonly proxy: { readonly fastLane: boolean };
  readonly limits: LimitSettings;
  readonly drain: { readonly timeoutMs: number };
  readonly store: StoreSettings;
  /** Who is told; at most 20, each name once. */
  readonly notify: readonly NotifyTarget[];
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' };
  /** Undefined: a table never ages. */
  readonly tableMaxAgeMs: number | undefined;
}

export interface Address {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Whether clients show a certificate: never asked, asked and checked where one comes, or no connection without. */
export type ClientCertificates = 'none' | 'request' | 'require';

/** TLS towards clients. Paths are absolute; the files are read by who listens, and followed. */
export interface ServerTlsSettings {
  /** 1 to 100; the first that is for the name a client asks for, or else the first of all. */
  readonly certificates: readonly CertificateFiles[];
  readonly minVersion: TlsVersion;
  /** HTTP/2 is offered, beside HTTP/1.1. */
  readonly http2: boolean;
  readonly clientCertificates: ClientCertificates;
  /** The authorities of client certificates; there unless `clientCertificates` is `none`. */
  readonly clientCaFile?: string;
}

export interface ApiSettings {
  readonly listen: Address;
  /** Where the token lies; made at first start with mode 0600. */
  readonly tokenFile: string;
  /** Extra names the API answers to, besides loopback ones: `Host` values, lower case, without port. */
  readonly hosts: readonly string[];
  /** Who has a token of their own; absent: nobody. At most 200, each name and each token once. */
  readonly people?: readonly Person[];
}

/** Somebody who signs in at the control API. */
export interface Person {
  readonly name: string;
  /** At least 32 characters; a secret, never shown. */
  readonly token: string;
}

export interface SideSettings {
  /** At least one: `http://host:port` or `https://host:port`, without path, or `unix:/path` of a Unix socket. */
  readonly targets: readonly string[];
  readonly hostHeader: 'preserve' | 'upstream';
  readonly credentials: 'forward' | 'strip' | 'map';
  /** What `map` sends; empty otherwise, and always for the control. At most 32; each `from` and each `to` is there once. */
  readonly credentialMap: readonly CredentialMapping[];
  readonly connectTimeoutMs: number;
  /** Until the first byte of the answer. */
  readonly firstByteTimeoutMs: number;
  /** Between two pieces of the answer. */
  readonly idleTimeoutMs: number;
  /** Per target. */
  readonly maxConnections: number;
  readonly tls: UpstreamTlsSettings;
  readonly health: HealthSettings;
  /** Lower-case name of the answer header that tells the side's version. */
  readonly versionHeader: string | undefined;
  /** Absent: nothing is asked for the version. */
  readonly version?: VersionPollSettings;
  /** Of the candidate only; absent: off. */
  readonly breaker?: BreakerSettings;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** Absolute paths of a certificate and its private key, in PEM. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** TLS towards the targets of a side. Paths are absolute; the files are read by who uses them, and followed. */
export interface UpstreamTlsSettings {
  /** Absent: the authorities that Node brings. */
  readonly caFile?: string;
  /** Absent: the host of the target. */
  readonly serverName?: string;
  /** Shown to targets that ask; absent: none. */
  readonly certificate?: CertificateFiles;
  readonly minVersion: TlsVersion;
  /** True: any certificate is accepted. */
  readonly insecure: boolean;
}

/** Breakers of the candidate. */
export interface BreakerSettings extends BreakerPolicy {
  /** Endpoints open at once, from 1; beyond it the candidate as a whole is. As many probes are under way at most. */
  readonly openEndpoints: number;
  readonly probesPerSecond: number;
}

/** How a side is asked which version it runs. */
export interface VersionPollSettings {
  /** Path, and query where there is one. */
  readonly path: string;
  readonly everyMs: number;
  /** Steps into a JSON answer (RFC 6901); absent: the answer is the version. */
  readonly pointer?: readonly string[];
}

/** A header (its name is lower case) or a cookie that says who the client is. */
export interface CredentialName {
  readonly kind: 'cookie' | 'header';
  readonly name: string;
}

export interface CredentialMapping {
  /** As clients and the control call it. */
  readonly from: CredentialName;
  /** As the candidate calls it. */
  readonly to: CredentialName;
}

export interface HealthSettings {
  /** Undefined: no active checks. */
  readonly path: string | undefined;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row until a target is unhealthy; successes in a row until it is back. */
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
}

export interface IdentitySettings {
  /** The first that gives a value counts. */
  readonly tenant: readonly Source[];
  readonly subject: readonly Source[];
  readonly salt: string;
}

export interface TrustSettings {
  /** CIDR ranges whose X-Forwarded-* and force headers are believed. */
  readonly networks: readonly string[];
  /** Their connections begin with a PROXY header. */
  readonly proxyProtocol: boolean;
  /** Key for signed force tokens; undefined: tokens are not accepted. At least 32 characters. */
  readonly tokenSecret: string | undefined;
}

export interface EndpointDefaults {
  readonly dialPpm: number;
  readonly maxPpm: number;
  readonly proof: Proof;
  readonly mirrorPpm: number;
  /** Empty: no ramp, the dial alone. */
  readonly steps: readonly RampStep[];
  /** How long a dial of a ramp must stand without objection. */
  readonly dwellMs: number;
}

export interface EndpointSettings {
  /** Upper case; `*` is any safe method. */
  readonly method: string;
  /** `/orders/{id}`; `{rest*}` as last segment takes all that follows. */
  readonly template: string;
  readonly dialPpm: number | undefined;
  readonly maxPpm: number;
  readonly proof: Proof;
  readonly writes: boolean;
  readonly acts: boolean;
  /** True: requests with effects are mirrored to the candidate, whose data is its own. */
  readonly mirrorWrites?: true;
  readonly sharedValidators: boolean;
  /** Endpoints of one journey share the salt and open together. */
  readonly journey: string | undefined;
  readonly mirrorPpm: number;
  /** Empty: no ramp. */
  readonly steps: readonly RampStep[];
  readonly retired: boolean;
}

/** What a proof demands. Rates and shares are from 0 to 1. */
export interface EvidenceSettings {
  /** Mismatch rates that proofs exclude: of one cell, and pooled over an endpoint's tenants. */
  readonly cellLimit: number;
  readonly pooledLimit: number;
  readonly confidence: number;
  /** Matches of its own that a cell needs where its endpoint has passed. */
  readonly ownMatches: number;
  readonly minRequests: number;
  readonly minTenants: number;
  /** Cohorts whose comparisons are pooled by themselves as well, at most 10; absent: none. */
  readonly cohorts?: readonly { readonly name: string; readonly tenants: readonly TenantId[] }[];
  /** Classes of status in at least this share of the control's answers must have been compared; absent: none must. */
  readonly statusShare?: number;
  readonly minSpanMs: number;
  readonly maxInconclusive: number;
  readonly staleAfterMs: number;
  readonly renewWithinMs: number;
  readonly coolDownMs: number;
  /** Between two returns to the candidate after a taking back, within an epoch. */
  readonly returnIntervalMs: number;
  /** Takings back in an epoch after which a cell or ramp is held. */
  readonly retries: number;
  readonly falseAlarm: number;
  /** Share of planted faults that must be found before anything opens; absent: none is demanded. */
  readonly power?: number;
}

export interface MirrorSettings {
  /** Whole process; 0 is off. */
  readonly perSecond: number;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Longer bodies are captured up to here and compared by digest beyond it. */
  readonly maxBodyBytes: number;
  /** All captures together. */
  readonly maxMemoryBytes: number;
  /** Repeats on the control: share of requests, parts per million (default 10,000) and per second (default 5). */
  readonly repeatPpm: number;
  readonly repeatsPerSecond: number;
  /** Extra path patterns that act though their method is safe; RE2 syntax, matched against the path. */
  readonly acts: readonly string[];
}

export interface CompareSettings extends ComparisonPolicy {
  readonly workers: number;
  readonly queueLength: number;
  /** Per pair; beyond it the verdict is inconclusive. */
  readonly timeoutMs: number;
  /** Decoded size of one body. */
  readonly maxDecodedBytes: number;
  readonly confirm: boolean;
}

/**
 * What is kept of a mismatch's bodies, and of the values that differ in them: the text without secrets; names and
 * nesting with every value replaced by a mark; or nothing but the values that differ, without secrets.
 */
export type StoredBodies = 'redacted' | 'structure' | 'none';

export interface RedactSettings {
  /** Extra names of headers, cookies, query parameters, form fields and JSON members whose values are secrets. */
  readonly names: readonly string[];
  readonly bodies: StoredBodies;
}

export interface LimitSettings {
  readonly headBytes: number;
  readonly headerCount: number;
  readonly targetBytes: number;
  readonly headTimeoutMs: number;
  /** Between two pieces of a request body. */
  readonly bodyIdleTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly connections: number;
  /** Endpoints found live; the rest is `unknown`. */
  readonly endpoints: number;
  /** Tenants and cells that are counted; the rest is `_other`. */
  readonly cells: number;
}

/** Where notices go. */
export interface NotifyTarget {
  readonly name: string;
  /** `http:` or `https:`, with path and query; a secret, never shown. */
  readonly url: string;
  readonly format: 'webhook' | 'slack';
  readonly on: readonly NoticeKind[];
  /** At least 32 characters; undefined: nothing is signed. */
  readonly secret: string | undefined;
}

export interface StoreSettings {
  /** Folder of the database, the token and the last table. */
  readonly dir: string;
  /** Of a PostgreSQL database in place of the one in `dir`; it may hold a password, and is never shown. */
  readonly url?: string;
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}
