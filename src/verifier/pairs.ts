import { z } from 'zod';
import type { EndpointId, TenantId } from '../core/cell.ts';
import {
  type Answer,
  type CapturedRequest,
  type Exchange,
  FAILURE_KINDS,
  type HeaderList,
  headerValue,
  type Observation,
} from '../core/observation.ts';
import { type ComparisonResult, type Difference, VERDICTS, type Verdict } from '../core/verdict.ts';
import { Comparer, type ComparerOptions } from './comparer.ts';
import { candidateFailed, hasMoved } from './moved.ts';

const headers = z.array(z.tuple([z.string(), z.string()]));
const observation = z.union(
  [
    z.object({ failure: z.enum(FAILURE_KINDS) }),
    z.object({
      status: z.int().min(100).max(599),
      headers: headers.default([]),
      body: z.string().optional(),
      bodyBase64: z.base64().optional(),
      // Milliseconds; of another type they are somebody else's members.
      firstByteMs: z.number().optional().catch(undefined),
      durationMs: z.number().optional().catch(undefined),
    }),
  ],
  { error: `Expected an answer with a status, or a failure (${FAILURE_KINDS.join(', ')})` },
);

/** One line of a file of recorded pairs. Members it does not name are left alone: files are made by many tools. */
const pairLine = z.object({
  id: z.string(),
  endpoint: z.string(),
  /** When the request was made, milliseconds since the epoch; otherwise the control's `Date` says. */
  at: z.number().optional(),
  request: z.object({
    method: z.string(),
    path: z.string(),
    headers: headers.default([]),
    body: z.string().optional().catch(undefined),
    /** Names of the secrets that were replaced. */
    secrets: z.array(z.string()).optional().catch(undefined),
  }),
  control: observation,
  candidate: observation.optional(),
  controlAgain: observation.optional(),
  // Whose request it was, and what was made of the pair when it was recorded. Of another type they are somebody else's members.
  tenant: z.string().optional().catch(undefined),
  verdict: z.enum(VERDICTS).optional().catch(undefined),
  clusters: z.array(z.string()).optional().catch(undefined),
});

export type Pair = z.infer<typeof pairLine>;

/** One line out. */
export interface PairResult {
  readonly id: string;
  readonly verdict: Verdict;
  readonly differences: readonly Difference[];
  readonly signature?: string;
  readonly reason?: string;
}

/** Reads one line; the message says what is wrong with it, and where. */
export function parsePairLine(
  text: string,
): { readonly ok: true; readonly pair: Pair } | { readonly ok: false; readonly message: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, message: `no JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  const parsed = pairLine.safeParse(value);
  if (parsed.success) return { ok: true, pair: parsed.data };
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.length === 0 ? 'the line' : issue.path.join('.')}: ${issue.message}`,
  );
  return { ok: false, message: problems.join('; ') };
}

/** Compares recorded pairs, learning from every `controlAgain` on the way: a line's own second reading is learned before the line is judged. */
export class PairComparer {
  readonly #comparer: Comparer;
  readonly #now: () => number;

  /** @param now Stands in where neither `at` nor a `Date` header says when. */
  constructor(options: ComparerOptions, now: () => number) {
    this.#comparer = new Comparer(options);
    this.#now = now;
  }

  /** Learns from a pair's two readings of the control; one without `controlAgain` teaches nothing. */
  learn(pair: Pair): void {
    if (pair.controlAgain === undefined) return;
    const at = this.#at(pair);
    // The second reading is as far from the first as its own Date says, where both have one.
    const again = toObservation(pair.controlAgain);
    this.#comparer.learn(
      pair.endpoint as EndpointId,
      requestOf(pair),
      toObservation(pair.control),
      again,
      Math.max(0, (dateOf(again) ?? at) - at),
      at,
    ); // named by the file
  }

  /** The verdict of one pair. Where the control differs from itself, and nothing learned before accounts for it, it is `inconclusive`, as in live traffic. */
  compare(pair: Pair): PairResult {
    if (pair.candidate === undefined)
      return { id: pair.id, verdict: 'inconclusive', differences: [], reason: 'noCandidate' };
    const exchange = this.#exchange(pair, toObservation(pair.candidate));
    // The second reading is judged by what was known before it: a movement explains itself once it is learned.
    const between =
      pair.controlAgain === undefined
        ? undefined
        : this.#comparer.compare({ ...exchange, candidate: toObservation(pair.controlAgain) });
    this.learn(pair);
    const result = this.#comparer.compare(exchange, undefined, true);
    const isMoved = between !== undefined && result.verdict === 'mismatch' && !candidateFailed(exchange);
    if (isMoved && hasMoved(result, between))
      return line(pair.id, { ...result, verdict: 'inconclusive', reason: 'controlMoved' });
    return line(pair.id, result);
  }

  #at(pair: Pair): number {
    return pair.at ?? dateOf(toObservation(pair.control)) ?? this.#now();
  }

  #exchange(pair: Pair, candidate: Observation): Exchange {
    return {
      id: pair.id,
      at: this.#at(pair),
      cell: { tenant: 'recorded' as TenantId, endpoint: pair.endpoint as EndpointId }, // files have no tenants; the endpoint is named by the file
      direction: 'forward',
      request: requestOf(pair),
      control: toObservation(pair.control),
      candidate,
      gapMs: 0,
      versions: { control: 'unknown', candidate: 'unknown' },
    };
  }
}

function line(id: string, result: ComparisonResult): PairResult {
  return {
    id,
    verdict: result.verdict,
    differences: result.differences,
    ...(result.signature === undefined || result.verdict !== 'mismatch' ? {} : { signature: result.signature.id }),
    ...(result.reason === undefined ? {} : { reason: result.reason }),
  };
}

/** A pair's request, as it was captured. */
export function requestOf(pair: Pair): CapturedRequest {
  const { method, path, headers: list, body } = pair.request;
  return {
    method,
    target: path,
    headers: list,
    ...(body === undefined ? {} : { body: Buffer.from(body, 'utf8') }),
  };
}

/** What a line tells of one side. */
export function toObservation(recorded: z.infer<typeof observation>): Observation {
  if ('failure' in recorded) return { kind: 'failure', failure: recorded.failure, durationMs: 0 };
  const body =
    recorded.bodyBase64 === undefined
      ? Buffer.from(recorded.body ?? '', 'utf8')
      : Buffer.from(recorded.bodyBase64, 'base64');
  const answer: Answer = {
    kind: 'answer',
    status: recorded.status,
    headers: withoutCoding(recorded.headers, recorded),
    body,
    bodyBytes: body.length,
    firstByteMs: recorded.firstByteMs ?? 0,
    durationMs: recorded.durationMs ?? 0,
  };
  return answer;
}

/** A body recorded as text is decoded already, whatever its headers say. */
function withoutCoding(list: HeaderList, recorded: { readonly bodyBase64?: string | undefined }): HeaderList {
  return recorded.bodyBase64 !== undefined ? list : list.filter(([name]) => name.toLowerCase() !== 'content-encoding');
}

function dateOf(answer: Observation): number | undefined {
  if (answer.kind !== 'answer') return undefined;
  const date = headerValue(answer.headers, 'date');
  const at = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(at) ? undefined : at;
}
