import { z } from 'zod';
import { count, endpoint, prose, tenant } from '../config/fields.ts';
import { list, mapping } from '../config/shapes.ts';
import { EVENTS, MAX_PROXIES } from './scenario-events.ts';
import { amount, DAY_MS, latency, MAX_DURATION_MS, overTime, rate, time } from './scenario-fields.ts';

/*
 * What a scenario file may hold. As with `cutover.yaml`, the reference page, the JSON Schema for editors and the words of
 * problems are made from this. What looks at more than one field is in `read-scenario.ts`.
 */

/** Most tenants and endpoints: each pair is a cell with evidence of its own. */
export const MAX_TENANTS = 100_000;
export const MAX_ENDPOINTS = 1_000;
const MAX_DIFFERENCES = 1_000;
/** What is true is worked out anew at each of them, at every endpoint. */
const MAX_EVENTS = 1_000;

function endpoints(kind: 'listed' | 'any', max: number) {
  const one = endpoint(kind);
  return z
    .union([one.transform((given) => [given]), list(one, max, 1)], {
      error: 'an endpoint such as GET /a, or a list of them',
    })
    .meta({ title: 'endpoint' });
}

const weighted = mapping(
  {
    endpoint: endpoint('any').exactOptional().meta({ description: 'Method and path.' }),
    match: endpoint('any').exactOptional().meta({ description: 'The same, as `cutover.yaml` calls it; one of both.' }),
    weight: amount(1_000_000, 'a weight')
      .prefault(1)
      .meta({ description: 'How many requests it gets, in proportion to the others.' }),
  },
  'an endpoint such as GET /a, or {endpoint: GET /a, weight: 3}',
);

const RPS = 'requests a second, from 0 to 100000';
const traffic = mapping(
  {
    rps: z.number({ error: RPS }).min(0, { error: RPS }).max(100_000, { error: RPS }).meta({
      title: 'number',
      description: 'Requests a second, on average over the day; they come at random (Poisson).',
    }),
    tenants: z
      .union([count(1, MAX_TENANTS), list(tenant(), MAX_TENANTS, 1)], { error: 'how many tenants, or a list of names' })
      .prefault(20)
      .meta({
        title: 'number or list',
        description: 'How many (called `t1`, `t2` …), or their names, the busiest first.',
      }),
    zipf: z
      .number({ error: 'an exponent from 0 to 5' })
      .min(0, { error: 'an exponent from 0 to 5' })
      .max(5, { error: 'an exponent from 0 to 5' })
      .prefault(1)
      .meta({
        title: 'number',
        description: 'How unequal tenants are: the k-th has 1/k^zipf of the requests of the first. 0: all alike.',
      }),
    endpoints: list(
      z
        .union([endpoint('any'), weighted], { error: 'an endpoint such as GET /a, or {endpoint: GET /a, weight: 3}' })
        .meta({ title: 'endpoint' }),
      MAX_ENDPOINTS,
      1,
    )
      .prefault(['GET /'])
      .meta({ description: 'Endpoints as `GET /a`, or with a weight.' }),
    subjects: count(1, 1_000_000)
      .prefault(50)
      .meta({ description: 'Users of a tenant; a dial moves them one by one.' }),
    requests: count(1, 1_000_000).prefault(1_000).meta({
      description: 'Distinct requests of a tenant at an endpoint; identical ones prove less.',
    }),
    daily: rate().prefault(0).meta({
      description: 'The daily cycle: how far traffic rises and falls around `rps`. 80%: from 20% of it to 180%.',
    }),
    peakAt: time()
      .prefault('14h')
      .meta({ description: 'When in the day most requests come; the simulation begins at midnight, UTC.' }),
  },
  'a mapping with rps',
);

const errorRate = overTime('rate', rate(), 'a share such as 0.1%').prefault('0%').meta({
  title: 'share',
  description: 'Share of requests that it fails with a 5xx; or a list of `{from, rate}` over time.',
});
const latencyMs = overTime('latencyMs', latency(), 'milliseconds such as 20, or {p50: 20, p99: 200}')
  .prefault(20)
  .meta({
    title: 'latency',
    description: 'Milliseconds until the answer: one number, `{p50, p99}`, or a list of `{from, latencyMs}` over time.',
  });

const difference = mapping(
  {
    endpoint: endpoints('any', MAX_ENDPOINTS)
      .exactOptional()
      .meta({ description: 'Where: an endpoint or a list.', 'x-default': 'everywhere' }),
    tenants: z
      .union([tenant().transform((one) => [one]), count(1, MAX_TENANTS), list(tenant(), MAX_TENANTS, 1)], {
        error: 'a tenant, a list of tenants, or a number',
      })
      .exactOptional()
      .meta({
        title: 'tenant',
        description: 'Whose: a tenant, a list, or a number, which is so many of the busiest.',
        'x-default': 'everybody’s',
      }),
    share: rate().prefault('100%').meta({ description: 'Share of these requests that the candidate answers wrongly.' }),
    from: time().prefault('0s').meta({ description: 'From when on, since the begin.' }),
    until: time(1).exactOptional().meta({ description: 'Until when.', 'x-default': 'the end' }),
    version: prose(128)
      .exactOptional()
      .meta({ description: 'Only in this version of the candidate.', 'x-default': 'any' }),
    name: prose(128).exactOptional().meta({ description: 'What the result calls it.' }),
  },
  'a mapping such as {endpoint: GET /a, share: 1%}',
);

const control = mapping({
  errorRate,
  latencyMs,
  noise: overTime('rate', rate(), 'a share such as 1%').prefault('0%').meta({
    title: 'share',
    description:
      'Share of comparisons that cannot tell anything, because the control does not repeat its own answer; or a list of `{from, rate}`.',
  }),
  version: prose(128).prefault('c1').meta({ description: 'Its version at the begin.' }),
}).prefault({});

const candidate = mapping({
  errorRate,
  latencyMs,
  version: prose(128).prefault('v1').meta({ description: 'Its version at the begin.' }),
  differences: list(difference, MAX_DIFFERENCES)
    .prefault([])
    .meta({ description: 'What it answers wrongly, where, to whom, how often and when.' }),
}).prefault({});

/** The events as one of many, for editors; problems are told by the kind alone. */
const events = list(z.union(Object.values(EVENTS)), MAX_EVENTS)
  .prefault([])
  .meta({ title: 'list of events', description: 'What happens when.' });

const shape = {
  name: prose(128)
    .exactOptional()
    .meta({ description: 'What it is called in results.', 'x-default': 'the name of the file' }),
  description: prose(2_000).exactOptional().meta({ description: 'What it shows, for people.' }),
  duration: time(1_000).meta({ description: `How long, up to ${MAX_DURATION_MS / DAY_MS} days.` }),
  proxies: count(1, MAX_PROXIES).prefault(1).meta({ description: 'Proxies that share the traffic.' }),
  storeLatency: time().prefault('2ms').meta({ description: 'How long the store takes for anything.' }),
  traffic: traffic.meta({ description: 'Who asks for what, and how often.' }),
  control: control.meta({ description: 'How the live service behaves.' }),
  candidate: candidate.meta({ description: 'How its rewrite behaves.' }),
};

/** What a problem of the plan is told by is the configuration's own schema. */
const plan = z
  .union([z.record(z.string(), z.unknown()), z.string()], {
    error: 'a mapping, as in cutover.yaml, or the name of such a file',
  })
  .prefault({});

/** The whole file, for editors and the reference page. */
export const scenarioSchema = mapping({
  ...shape,
  events,
  plan: plan.meta({
    title: 'part of cutover.yaml',
    description:
      'What is to be tried, in the words of `cutover.yaml`; or the name of a file that holds it, from the folder of this one.',
  }),
}).meta({ title: 'scenario', description: 'A simulated world for `cutover simulate`.' });

/** The file without what is read by rules of its own: events by their kinds, the plan by the configuration's code. */
export const scenarioFrame = mapping({
  ...shape,
  events: list(z.unknown(), MAX_EVENTS).prefault([]),
  plan,
});

export type ScenarioFile = z.output<typeof scenarioFrame>;
