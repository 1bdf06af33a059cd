import { bucketOf } from '../../src/core/bucket.ts';
import type { EndpointId, Side, TenantId } from '../../src/core/cell.ts';
import type { ServedRecord } from '../../src/core/ports.ts';
import { type TripwirePolicy, Tripwires } from '../../src/core/tripwire.ts';
import { Random } from '../verify/random.ts';

const ENDPOINT = 'GET /orders/{id}' as EndpointId; // as the catalogue names it
const TENANTS = 40;
const PEOPLE = 2_000;
const MINUTE_MS = 60_000;

/** What a policy says by default of latency; nothing else is armed. */
const POLICY: TripwirePolicy = {
  candidateFailures: undefined,
  hardDown: undefined,
  reverseMismatch: undefined,
  latency: { count: 5, warmUpMs: 60_000, action: 'hold' },
};

export interface Pace {
  readonly perSecond: number;
  readonly minutes: number;
  dialPpm(minute: number): number;
  /** How many times as long the candidate takes, at a minute. */
  slower(minute: number): number;
}

/**
 * Minutes until the latency tripwire goes off; undefined: never. Answers take 40 ms at the median, log-normal with a
 * spread of 0.8; one in a hundred takes ten to a hundred times as long (Pareto); each person has a pace of their own
 * (spread 0.5); the day is 40 % slower at its height; each side stands still for one to ten seconds now and then, and
 * both do when the database does.
 */
export function playPace(pace: Pace, names: readonly (string | number)[]): number | undefined {
  const random = new Random('pace', ...names);
  const people = peopleOf(random, names.join('-'));
  const tripwires = new Tripwires(POLICY);
  const stalls: Record<Side | 'both', number> = { control: 0, candidate: 0, both: 0 };
  const perMinute = pace.perSecond * 60;
  for (let minute = 0; minute < pace.minutes; minute++) {
    const dialPpm = pace.dialPpm(minute);
    const slower = pace.slower(minute);
    const height = 1.2 - 0.2 * Math.cos((2 * Math.PI * minute) / 1_440);
    for (let number = 0; number < perMinute; number++) {
      const at = minute * MINUTE_MS + (number * MINUTE_MS) / perMinute;
      // The square makes a few people busy: 1 % of them send 10 % of the requests.
      const person = people[Math.floor(random.next() ** 2 * PEOPLE)] as Person; // below the length
      const side: Side = person.bucket < dialPpm ? 'candidate' : 'control';
      for (const one of ['control', 'candidate', 'both'] as const)
        if (at > stalls[one] && random.next() < 1 / (600 * pace.perSecond))
          stalls[one] = at + 1_000 + random.next() * 9_000;
      const tail = random.next() < 0.01 ? 10 / Math.max(0.1, random.next()) : 1;
      const usual = 40 * Math.exp(0.8 * normal(random)) * person.pace * height * tail;
      const stalled = Math.max(stalls[side], stalls.both) - at;
      const ms = usual * (side === 'candidate' ? slower : 1) + Math.max(0, stalled);
      if (tripwires.served(recordOf({ at, person, side, dialPpm, ms })) !== undefined) return at / MINUTE_MS;
    }
  }
  return undefined;
}

interface Person {
  readonly tenant: TenantId;
  readonly bucket: number;
  readonly pace: number;
}

function peopleOf(random: Random, salt: string): Person[] {
  return Array.from({ length: PEOPLE }, (_, index) => ({
    tenant: `t${index % TENANTS}` as TenantId, // as identification names it
    bucket: bucketOf(`u${index}`, salt),
    pace: Math.exp(0.5 * normal(random)),
  }));
}

/** Box and Muller 1958. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

function recordOf(one: {
  readonly at: number;
  readonly person: Person;
  readonly side: Side;
  readonly dialPpm: number;
  readonly ms: number;
}): ServedRecord {
  const { at, person, side, dialPpm, ms } = one;
  return {
    at,
    tenant: person.tenant,
    endpoint: ENDPOINT,
    origin: 'found',
    decision: { side, reason: 'dial', endpoint: ENDPOINT, rule: 'dial', bucket: person.bucket, dialPpm, revision: 1 },
    servedBy: side,
    method: 'GET',
    status: 200,
    failedOver: false,
    failure: undefined,
    durationMs: ms + 5,
    upstreamMs: ms,
    overheadMs: 0.4,
    clientAborted: false,
  };
}
