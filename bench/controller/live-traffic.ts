import { bucketOf } from '../../src/core/bucket.ts';
import type { EndpointId, Side, TenantId } from '../../src/core/cell.ts';
import type { ServedRecord, VerifiedExchange } from '../../src/core/ports.ts';
import { type TripwirePolicy, Tripwires } from '../../src/core/tripwire.ts';
import { Random } from '../verify/random.ts';
import type { Rule } from './rules.ts';

const ENDPOINT = 'GET /orders/{id}' as EndpointId; // as the catalogue names it
const TENANTS = 40;
const SUBJECTS = 2_000;
const MINUTE_MS = 60_000;

/** What a policy says by default. */
const POLICY: TripwirePolicy = {
  candidateFailures: { count: 5, withinMs: 10_000 },
  hardDown: { consecutive: 5 },
  reverseMismatch: { count: 3, withinMs: 10_000 },
};

/** Dials of a ramp, parts per million, each for the same time. */
export const RAMP: readonly number[] = [50_000, 100_000, 200_000, 500_000];

/** The dial at a minute of a ramp whose steps take `step` minutes. */
export function ramp(minute: number, step: number): number {
  return RAMP[Math.min(RAMP.length - 1, Math.max(0, Math.floor(minute / step)))] as number; // within the ramp
}

export interface Weather {
  readonly perSecond: number;
  readonly minutes: number;
  /** Share of requests that each side fails, at a minute. */
  failing(minute: number): Readonly<Record<Side, number>>;
  /** The dial, parts per million, at a minute. */
  dialPpm(minute: number): number;
  /** False: nothing is compared, live failures alone tell. */
  readonly isMirrored: boolean;
}

/**
 * Shares of requests that are mirrored, by the side that serves, as the default budget (10 %, 20 a second, what the
 * candidate serves beyond its share as long as half of that is left) gives them on average.
 */
function mirrorShares({ perSecond, isMirrored }: Weather, dialPpm: number): Readonly<Record<Side, number>> {
  if (!isMirrored) return { control: 0, candidate: 0 };
  const usual = Math.min(0.1, 10 / perSecond);
  const ofCandidate = 10 / (perSecond * (dialPpm / 1_000_000));
  return { control: usual, candidate: Math.min(1, Math.max(usual, ofCandidate)) };
}

interface Person {
  readonly tenant: TenantId;
  readonly bucket: number;
}

/** Minutes until ours and each of the other rules took the candidate back; undefined: it did not. */
export interface Outcome {
  readonly ours: number | undefined;
  readonly detail: string;
  readonly others: readonly (number | undefined)[];
}

/**
 * Requests of 2,000 people of 40 tenants, a few of them much busier than the rest, through the real tripwires. Each side
 * fails at random, independently; a failure of the candidate is answered by the control, where that does not fail too.
 */
export function play(weather: Weather, rules: readonly Rule[], names: readonly (string | number)[]): Outcome {
  const random = new Random('live', ...names);
  const people = peopleOf(names.join('-'));
  const tripwires = new Tripwires(POLICY);
  const others: (number | undefined)[] = rules.map(() => undefined);
  const perMinute = weather.perSecond * 60;
  for (let minute = 0; minute < weather.minutes; minute++) {
    const failing = weather.failing(minute);
    const dialPpm = weather.dialPpm(minute);
    const mirrored = mirrorShares(weather, dialPpm);
    for (let number = 0; number < perMinute; number++) {
      const at = minute * MINUTE_MS + (number * MINUTE_MS) / perMinute;
      // The square makes a few people busy: 1 % of them send 10 % of the requests.
      const person = people[Math.floor(random.next() ** 2 * SUBJECTS)] as Person; // below the length
      const side: Side = person.bucket < dialPpm ? 'candidate' : 'control';
      const isFailed = random.next() < failing[side];
      const isMirrored = random.next() < mirrored[side];
      const isOtherFailed =
        (isFailed && side === 'candidate') || isMirrored ? otherFails(random, failing, side) : false;
      const record = recordOf({ at, person, side, dialPpm, isFailed, isOtherFailed });
      const tripped =
        tripwires.served(record) ??
        (isMirrored && isFailed !== isOtherFailed
          ? tripwires.verified(pairOf({ at, person, side, isFailed }), true)
          : undefined);
      rules.forEach((rule, index) => {
        if (others[index] === undefined && rule.served(record)) others[index] = at / MINUTE_MS;
      });
      if (tripped !== undefined) return { ours: at / MINUTE_MS, detail: tripped.detail, others };
    }
  }
  return { ours: undefined, detail: '', others };
}

function otherFails(random: Random, failing: Readonly<Record<Side, number>>, side: Side): boolean {
  return random.next() < failing[side === 'candidate' ? 'control' : 'candidate'];
}

/** Buckets as the product makes them. */
function peopleOf(salt: string): Person[] {
  return Array.from({ length: SUBJECTS }, (_, index) => ({
    tenant: `t${index % TENANTS}` as TenantId, // as identification names it
    bucket: bucketOf(`u${index}`, salt),
  }));
}

interface Happening {
  readonly at: number;
  readonly person: Person;
  readonly side: Side;
  readonly isFailed: boolean;
}

function recordOf(one: Happening & { readonly dialPpm: number; readonly isOtherFailed: boolean }): ServedRecord {
  const { at, person, side, dialPpm, isFailed, isOtherFailed } = one;
  const isFailedOver = isFailed && side === 'candidate';
  const isBad = isFailedOver ? isOtherFailed : isFailed;
  return {
    at,
    tenant: person.tenant,
    endpoint: ENDPOINT,
    origin: 'found',
    decision: { side, reason: 'dial', endpoint: ENDPOINT, rule: 'dial', bucket: person.bucket, dialPpm, revision: 1 },
    servedBy: isFailedOver ? 'control' : side,
    method: 'GET',
    status: isBad ? 500 : 200,
    failedOver: isFailedOver,
    failure: isFailed ? 'status' : undefined,
    durationMs: 25,
    upstreamMs: 20,
    overheadMs: 0.4,
    clientAborted: false,
  };
}

/** A pair that only one side failed; of others the tripwires take no notice. */
function pairOf({ at, person, side, isFailed }: Happening): VerifiedExchange {
  const isCandidates = (side === 'candidate') === isFailed;
  return {
    id: 'x',
    at,
    cell: { tenant: person.tenant, endpoint: ENDPOINT },
    direction: side === 'candidate' ? 'reverse' : 'forward',
    requestHash: 'r',
    result: { verdict: 'inconclusive', differences: [], differenceCount: 1, identical: false },
    statuses: { control: isCandidates ? 200 : 500, candidate: isCandidates ? 500 : 200 },
    durationsMs: { control: 20, candidate: 20 },
    versions: { control: 'v1', candidate: 'v2' },
  };
}
