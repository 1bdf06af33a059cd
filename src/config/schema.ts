import type { z } from 'zod';
import { PROOFS } from '../core/routing.ts';
import { compare } from './compare-schema.ts';
import {
  address,
  count,
  credentialName,
  duration,
  endpoint,
  filePath,
  flag,
  hostName,
  name,
  network,
  oneOf,
  pattern,
  prose,
  share,
  size,
  tenant,
} from './fields.ts';
import { freezes } from './freeze-schema.ts';
import { locked } from './lock-schema.ts';
import { canary, classes, evidence, protectedTenants, tripwires } from './movement-schema.ts';
import { notify } from './notify-schema.ts';
import { people } from './people-schema.ts';
import { identitySources, secretReference } from './references.ts';
import { list, mapping, table } from './shapes.ts';
import { candidate, control } from './side-schema.ts';
import { steps } from './step-schema.ts';
import { serverTls } from './tls-schema.ts';

/*
 * What `cutover.yaml` may hold. Every field says what it does, in which unit, and what follows from it:
 * the reference page, the JSON Schema for editors and the problems are made from these words.
 * Checks that look at more than one field are in `checks.ts`.
 */

const KIB = 1_024;
const MIB = 1_024 * KIB;
const GIB = 1_024 * MIB;
const DAY_MS = 24 * 3_600_000;

/** Longest list of names: what one file can still hold and a person still review. */
const MAX_NAMES = 10_000;
/** Listed endpoints; as many as the largest systems we know have. */
const MAX_ENDPOINTS = 10_000;

const api = mapping({
  listen: address().prefault('127.0.0.1:8081').meta({
    description: 'Where the control API, the dashboard and the metrics listen. Anything but loopback demands `hosts`.',
  }),
  hosts: list(hostName(), 100).prefault([]).meta({
    description:
      'Further names the API answers to, besides loopback ones. Requests with any other `Host` are refused, which is what stops DNS rebinding.',
  }),
  tokenFile: filePath().exactOptional().meta({
    description: 'File with the API token, made at the first start with mode 0600. Relative to this file.',
    'x-default': '`api-token` in `store.dir`',
  }),
  people,
}).prefault({});

const identity = mapping({
  tenant: identitySources(['host']).prefault('host').meta({
    description:
      'Whom a request belongs to: the first source that gives a value. Evidence is kept per tenant and endpoint. Requests without tenant are served by the control wherever a tenant matters.',
  }),
  subject: identitySources(['host', 'address']).prefault('address').meta({
    description:
      'Who stays on one side while the dial stands still: a user, a shop, an address. Requests without subject are served by the control.',
  }),
  salt: prose(64).prefault('cutover').meta({
    description: 'Text mixed into the bucket of a subject. Changing it deals everybody anew: people change sides.',
  }),
}).prefault({});

const trust = mapping({
  networks: list(network(), 1_000).prefault([]).meta({
    description:
      'Networks whose `X-Forwarded-*` headers and forcing headers are believed, such as that of the load balancer. From anyone else these headers are replaced.',
  }),
  proxyProtocol: flag().prefault(false).meta({
    description:
      'True: connections from `networks` begin with a PROXY header (version 1 or 2), as a load balancer that does not read HTTP sends it, and its address is the client. A connection from there without one is closed; from anywhere else a header is not read.',
  }),
  tokenSecret: secretReference().exactOptional().meta({
    description:
      'Key of signed force tokens, at least 32 characters: `{env: NAME}` or `{file: path}`. Never the key itself. Absent: tokens are not accepted.',
  }),
}).prefault({});

function forceList(side: string) {
  return mapping({
    tenants: list(tenant(), MAX_NAMES)
      .prefault([])
      .meta({ description: `Tenants always served by the ${side}.` }),
    cohorts: list(name('a cohort'), 100)
      .prefault([])
      .meta({ description: `Cohorts whose tenants are always served by the ${side}.` }),
    endpoints: list(endpoint('any'), MAX_ENDPOINTS)
      .prefault([])
      .meta({ description: `Endpoints always served by the ${side}.` }),
  }).prefault({});
}

const force = mapping({
  control: forceList('control').meta({ description: 'Served by the control.' }),
  candidate: forceList('candidate').meta({
    description: 'Served by the candidate even without proof, unless the endpoint may not move.',
  }),
}).prefault({});

const cohorts = table(name('a cohort'), list(tenant(), MAX_NAMES)).prefault({}).meta({
  title: 'mapping of lists',
  description: 'Named sets of tenants, for `force` and for dials of their own: `{beta: [acme, globex]}`.',
});

function dial() {
  return share();
}

const defaults = mapping({
  dial: dial().prefault('0%').meta({
    description:
      'The share of what may move that the candidate serves. At 0% nothing moves until somebody turns a dial.',
  }),
  max: share().prefault('100%').meta({ description: 'Cap on every dial, whoever turns it.' }),
  proof: oneOf(PROOFS).prefault('endpoint').meta({
    description:
      '`endpoint`: evidence is pooled over tenants and opens an endpoint. `cell`: each tenant × endpoint opens by its own evidence. `none`: the dial alone decides, as in a plain canary.',
  }),
  mirror: share().prefault('10%').meta({
    description:
      'Share of safe requests whose copy goes to the other side, within the budget in `mirror`. Which of them is decided by what proofs still need. 0% collects no evidence.',
  }),
  steps: steps().meta({
    description:
      'The ladder a dial climbs by itself: `mirror` waits until the evidence passes, `{dial: 5%}` sets the dial (`{dial: 50%, cohort: beta}` that of a cohort), `{wait: 1h}` waits, `{gate: release}` stops until somebody approves, `{verify: reverse}` ends it, or with `for` leads on to `retire`. All the way down at once when something is wrong.',
    'x-default': 'no ramp, the dial alone',
  }),
  dwell: duration(1_000, 30 * DAY_MS)
    .prefault('10m')
    .meta({ description: 'How long each dial of a ramp must stand without objection.' }),
}).prefault({});

const endpointEntry = mapping(
  {
    match: endpoint('listed').meta({
      description:
        'Method and path. `{name}` takes one segment, `{rest*}` at the end all that follow; the method `*` is any safe one.',
    }),
    dial: dial().exactOptional().meta({ description: 'A dial of its own.', 'x-default': '`defaults.dial`' }),
    max: share().exactOptional().meta({ description: 'Cap on its dials.', 'x-default': '`defaults.max`' }),
    proof: oneOf(PROOFS).exactOptional().meta({ description: 'What opens it.', 'x-default': '`defaults.proof`' }),
    writes: flag().prefault(false).meta({
      description:
        'True lets unsafe methods move to the candidate. They are still never sent twice, but for `mirrorWrites`.',
    }),
    acts: flag().prefault(false).meta({
      description:
        'True for a safe method that has effects all the same (logout, one-time links): never mirrored, never repeated, moves only with `writes`.',
    }),
    mirrorWrites: flag().prefault(false).meta({
      description:
        'True sends a copy of requests with effects to the candidate too, while the control serves them; never the other way. Needs `candidate.data: own`. They are compared, and never repeated.',
    }),
    validators: oneOf(['own', 'shared']).prefault('own').meta({
      description:
        '`shared` if both sides make the same `ETag` and `Last-Modified`. With `own`, `Range` requests stay on the control and `If-*` headers are removed before the candidate.',
    }),
    journey: name('a journey').exactOptional().meta({
      description: 'Endpoints of one journey share state: their buckets are the same and they open together.',
    }),
    mirror: share()
      .exactOptional()
      .meta({ description: 'Its share of mirrored requests.', 'x-default': '`defaults.mirror`' }),
    steps: steps().meta({ description: 'A ladder of its own.', 'x-default': '`defaults.steps`' }),
    retired: flag().prefault(false).meta({
      description: 'True once the control no longer serves it: the candidate always does, and nothing falls back.',
    }),
  },
  'a mapping with the key match',
);

const sessions = mapping({
  own: list(credentialName(), 32).meta({
    description:
      "Credentials whose values each side makes for itself. Copies carry the other side's value; a request whose value is not known there is unverified and its credential is never sent. With an empty list only ids, tokens and cursors are translated.",
  }),
});

const endpoints = list(endpointEntry, MAX_ENDPOINTS)
  .prefault([])
  .meta({ description: 'Endpoints that differ from the defaults. All others are found live.' });

const mirror = mapping({
  perSecond: count(0, 100_000)
    .prefault(20)
    .meta({ description: 'Mirrored requests per second of the whole process. 0 switches mirroring off.' }),
  concurrency: count(1, 10_000)
    .prefault(8)
    .meta({ description: 'Mirrored requests at once. More are dropped and counted as unverified.' }),
  timeout: duration(1, 300_000)
    .prefault('10s')
    .meta({ description: 'A mirrored request that takes longer counts as failed.' }),
  maxBody: size(1, 64 * MIB)
    .prefault('1MiB')
    .meta({
      description:
        'Bytes kept of one body. Longer answers are compared by digest, requests with longer bodies are not mirrored.',
    }),
  maxMemory: size(MIB, 16 * GIB)
    .prefault('64MiB')
    .meta({ description: 'Bytes of all captured bodies together. At the limit mirroring pauses.' }),
  repeats: mapping({
    share: share().prefault('1%').meta({
      description: 'Share of requests repeated on the control, which is how noise is learned. 0% learns nothing.',
    }),
    perSecond: count(0, 1_000).prefault(5).meta({ description: 'Repeats per second. 0 switches them off.' }),
  })
    .prefault({})
    .meta({ description: 'Requests asked twice of the control, to learn what differs by itself.' }),
  acts: list(pattern(), 1_000).prefault([]).meta({
    description:
      'Patterns (RE2) of paths that act though their method is safe. The built-in list of logouts, unsubscribes and one-time links always applies.',
  }),
}).prefault({});

const redact = mapping({
  names: list(prose(128), 1_000).prefault([]).meta({
    description:
      'Further names of headers, cookies, query parameters, form fields and JSON members whose values are secrets. The built-in list always applies.',
  }),
  bodies: oneOf(['redacted', 'structure', 'none']).prefault('redacted').meta({
    description:
      'What is stored of the bodies of mismatches. `redacted`: their text without secrets. `structure`: names and nesting, every value a mark, also in the differences; equal values have equal marks. `none`: no bodies, only the differences. Without `redacted`, `cutover replay` needs `--control`, and power cannot be measured.',
  }),
}).prefault({});

const limits = mapping({
  head: size(KIB, MIB).prefault('16KiB').meta({ description: 'Request line and headers together; more gets 431.' }),
  headers: count(10, 1_000).prefault(100).meta({ description: 'Headers of one request; more gets 431.' }),
  target: size(256, 64 * KIB)
    .prefault('8KiB')
    .meta({ description: 'Path and query of one request; more gets 414.' }),
  headTimeout: duration(100, 300_000)
    .prefault('10s')
    .meta({ description: 'Until the head of a request is complete; after it the connection is closed.' }),
  bodyIdleTimeout: duration(100)
    .prefault('30s')
    .meta({ description: 'Between two pieces of a request body. Whole uploads may take as long as they need.' }),
  keepAliveTimeout: duration(100).prefault('75s').meta({
    description:
      'How long an unused client connection stays open. Keep it longer than that of the load balancer in front, or requests are lost in the moment of closing.',
  }),
  connections: count(1, 1_000_000)
    .prefault(10_000)
    .meta({ description: 'Client connections at once; more are refused.' }),
  endpoints: count(1, 100_000)
    .prefault(2_000)
    .meta({ description: 'Endpoints found live; requests to the rest are `unknown` and stay on the control.' }),
  cells: count(100, 10_000_000)
    .prefault(50_000)
    .meta({ description: 'Cells (tenant × endpoint) counted; the rest is `_other`.' }),
}).prefault({});

const proxy = mapping({
  fastLane: flag().prefault(true).meta({
    description:
      'Plain requests are read and answered without `node:http`, at less processor time; all others take the usual way. Both understand and answer the same.',
  }),
}).prefault({});

const drain = mapping({
  timeout: duration(0, 3_600_000).prefault('25s').meta({
    description:
      'How long requests in flight may take to finish when the process stops. Keep it below the grace period of whoever stops it.',
  }),
}).prefault({});

const store = mapping({
  dir: filePath()
    .prefault('cutover-data')
    .meta({ description: 'Folder of the database, the API token and the last table. Relative to this file.' }),
  url: secretReference().exactOptional().meta({
    description:
      'Address of a PostgreSQL database that a fleet shares, `postgres://user:password@host:5432/database`, as `{env: NAME}` or `{file: path}`: it may hold a password. The token and the last table stay in `dir`.',
    'x-default': 'a SQLite database in `dir`',
  }),
  maxAge: duration(3_600_000, 3_650 * DAY_MS)
    .prefault('30d')
    .meta({ description: 'Stored mismatches older than this are deleted. The journal is kept.' }),
  maxSize: size(16 * MIB, 1_024 * GIB)
    .prefault('1GiB')
    .meta({ description: 'Size of the database; beyond it the oldest mismatches are deleted.' }),
}).prefault({});

const log = mapping({
  level: oneOf(['debug', 'info', 'warn', 'error'])
    .prefault('info')
    .meta({ description: 'The least important lines to write. `info` never writes a line per request.' }),
}).prefault({});

/** The whole file. Its output is still shaped like the file; `build.ts` makes `Settings` of it. */
export const configSchema = mapping({
  listen: address()
    .prefault('127.0.0.1:8080')
    .meta({ description: 'Where clients connect. Write `0.0.0.0:8080` to serve every network.' }),
  tls: serverTls().exactOptional().meta({
    description: 'TLS towards clients. Absent: clients speak plain HTTP. `X-Forwarded-Proto` says which.',
  }),
  api: api.meta({ description: 'The control API.' }),
  control,
  candidate,
  identity: identity.meta({ description: 'Whom a request belongs to, and who stays together.' }),
  sessions: sessions.exactOptional().meta({
    description:
      'Logged-in traffic where each side keeps sessions of its own. Absent: what one side hands out, the other understands.',
  }),
  trust: trust.meta({ description: 'Who is believed.' }),
  force: force.meta({
    description: 'Names forced to one side, whatever dials and evidence say. The control wins over the candidate.',
  }),
  cohorts,
  defaults: defaults.meta({ description: 'What holds for every endpoint that does not say otherwise.' }),
  endpoints,
  openapi: filePath().exactOptional().meta({
    description:
      'OpenAPI 3 description of the API, YAML or JSON, relative to this file. Its paths, below those of its `servers`, name endpoints, so that none has to be found live; what `endpoints` lists goes before.',
  }),
  evidence: evidence.meta({ description: 'What a proof demands.' }),
  classes,
  protected: protectedTenants,
  freezes,
  canary,
  locked,
  tripwires: tripwires.meta({ description: 'What takes traffic back without waiting. Each can be `off`.' }),
  mirror: mirror.meta({ description: 'The budget of mirrored requests.' }),
  compare: compare.meta({ description: 'How answers are compared.' }),
  redact: redact.meta({ description: 'What is a secret, besides the built-in list.' }),
  proxy: proxy.meta({ description: 'How requests are read.' }),
  limits: limits.meta({ description: 'Bounds of what clients may send and of what is counted.' }),
  drain: drain.meta({ description: 'The end of a process.' }),
  store: store.meta({ description: 'Where everything lasting lies.' }),
  notify,
  log: log.meta({ description: 'Logs go to standard output, one JSON object per line.' }),
  tableMaxAge: duration(1_000, 365 * DAY_MS)
    .exactOptional()
    .meta({
      description:
        'Age after which a proxy cut off from its controller serves the control. Absent: a table never ages, which is what keeps clients undisturbed.',
    }),
}).meta({ title: 'cutover.yaml', description: 'Configuration of Cutover.' });

/** A checked file: units read, defaults filled in where they do not depend on other fields. */
export type ConfigFile = z.output<typeof configSchema>;
/** What both sides have. */
export type SideFile = Omit<ConfigFile['candidate'], 'data' | 'breaker'>;
export type RuleFile = ConfigFile['compare']['rules'][number];
