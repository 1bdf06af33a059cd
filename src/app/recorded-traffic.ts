import type { ComparisonView, LearnedNoise, RecordingView } from '../api/recording-types.ts';
import type { StoredObservationView } from '../api/types.ts';
import type { EndpointId } from '../core/cell.ts';
import type { Answer, Observation } from '../core/observation.ts';
import type { StoredRequest } from '../core/ports.ts';
import { isBareStructure } from '../core/redact/structure.ts';
import type { Rule } from '../core/rule.ts';
import type { Verdict } from '../core/verdict.ts';
import { Comparer, type ComparerOptions } from '../verifier/comparer.ts';
import { type Pair, requestOf, toObservation } from '../verifier/pairs.ts';

export type { Comparer, Pair };

/** One recorded request and what was made of it then. */
export interface Recorded {
  readonly id: string;
  /** When it was made, milliseconds since the epoch; undefined where nothing says. */
  readonly at: number | undefined;
  readonly tenant: string;
  readonly endpoint: string;
  readonly request: StoredRequest;
  /** The answers of then, whole; undefined where they were not kept, not kept whole, or are no text. */
  readonly control: Observation | undefined;
  readonly candidate: Observation | undefined;
  /** The verdict of then; undefined where none is known. */
  readonly verdict: Verdict | undefined;
  /** Its clusters then; none for other verdicts than `mismatch`. */
  readonly clusters: readonly string[];
}

/** By what recorded traffic is compared: rules and limits, and what is known of each endpoint's noise. */
export interface Standard {
  readonly options: ComparerOptions;
  /** Snapshots of the noise learned, by endpoint. */
  readonly noise: ReadonlyMap<string, unknown>;
}

/** Texts of stored bodies are cut to so many characters, and then end in an ellipsis. */
const STORED_CHARS = 65_536;

/** What redaction leaves in place of a secret. */
export const SECRET_MARK = '⟦r:';

/**
 * A comparer that knows what the standard knows.
 *
 * @param endpoint Only its noise is needed; undefined: that of all.
 * @param rules By these rules instead.
 */
export function comparerOf(
  { options, noise }: Standard,
  endpoint?: string,
  rules: readonly Rule[] = options.policy.rules,
): Comparer {
  const comparer = new Comparer({ ...options, policy: { ...options.policy, rules } });
  const known = endpoint === undefined ? noise : new Map([[endpoint, noise.get(endpoint)]]);
  // Names that a running Cutover, or a file, gave.
  for (const [name, snapshot] of known) restore(comparer, name as EndpointId, snapshot);
  return comparer;
}

/** What a running Cutover compares by. */
export function standardOf(comparison: ComparisonView, noise: readonly LearnedNoise[]): Standard {
  const { maxDecodedBytes, timeoutMs, ...policy } = comparison;
  // The endpoints of rules are names that the running Cutover checked.
  const rules = comparison.rules as readonly unknown[] as readonly Rule[];
  return {
    options: { policy: { ...policy, rules }, limits: { maxDecodedBytes, timeoutMs } },
    noise: new Map(noise.map(({ endpoint, snapshot }) => [endpoint, snapshot])),
  };
}

/** What files teach: pairs with two readings of the control. */
export function standardOfPairs(options: ComparerOptions, lessons: readonly Pair[]): Standard {
  const comparer = new Comparer(options);
  for (const pair of lessons) learn(comparer, pair);
  const endpoints = new Set(lessons.map(({ endpoint }) => endpoint as EndpointId)); // named by the file
  return { options, noise: new Map([...endpoints].map((endpoint) => [endpoint, comparer.snapshot(endpoint)])) };
}

/** A snapshot of another version may not fit; the endpoint then has no noise that is known. */
function restore(comparer: Comparer, endpoint: EndpointId, snapshot: unknown): void {
  try {
    comparer.restore(endpoint, snapshot);
  } catch {
    // As the threads that compare do: an endpoint without snapshot is the normal beginning.
  }
}

function learn(comparer: Comparer, pair: Pair): void {
  if (pair.controlAgain === undefined) return;
  const [first, again] = [toObservation(pair.control), toObservation(pair.controlAgain)];
  const at = pair.at ?? dateOf(first) ?? 0;
  const gapMs = Math.max(0, (dateOf(again) ?? at) - at);
  comparer.learn(pair.endpoint as EndpointId, requestOf(pair), first, again, gapMs, at); // named by the file
}

/** A recording as the control API gives it. */
export function recordedOf(view: RecordingView): Recorded {
  const { id, at, tenant, endpoint, request, verdict, clusters } = view;
  const [control, candidate] = [storedObservation(view.control), storedObservation(view.candidate)];
  return { id, at, tenant, endpoint, request, control, candidate, verdict, clusters };
}

/** A line of a file of pairs, judged by the standard where it holds both answers. */
export function recordedOfPair(pair: Pair): Recorded {
  const request = {
    method: pair.request.method,
    target: pair.request.path,
    headers: pair.request.headers,
    ...(pair.request.body === undefined ? {} : { body: pair.request.body }),
    secrets: pair.request.secrets ?? [],
  };
  const control = wholeOf(toObservation(pair.control));
  const candidate = pair.candidate === undefined ? undefined : wholeOf(toObservation(pair.candidate));
  const at = pair.at ?? dateOf(toObservation(pair.control));
  const { id, endpoint, verdict, clusters = [], tenant = 'recorded' } = pair;
  return { id, at, tenant, endpoint, request, control, candidate, verdict, clusters };
}

/** A recording as a line of a file of pairs; undefined where its answers cannot be told. */
export function pairOf(view: RecordingView): Pair | undefined {
  const [control, candidate] = [recordedSide(view.control), recordedSide(view.candidate)];
  if (control === undefined) return undefined;
  const { id, endpoint, at, tenant, verdict, clusters } = view;
  const { method, target, headers, body, secrets } = view.request;
  return {
    id,
    endpoint,
    at,
    tenant,
    verdict,
    ...(clusters.length === 0 ? {} : { clusters }),
    request: { method, path: target, headers, ...(body === undefined ? {} : { body }), secrets },
    control,
    ...(candidate === undefined ? {} : { candidate }),
  };
}

function recordedSide(stored: StoredObservationView): Pair['control'] | undefined {
  // One of the four kinds, by the type of what was stored.
  if (stored.failure !== undefined) return { failure: stored.failure as 'refused' };
  if (stored.status === undefined) return undefined;
  return {
    status: stored.status,
    headers: stored.headers ?? [],
    ...(stored.body === undefined ? {} : { body: stored.body }),
  };
}

/** An answer as it was stored; undefined where less than all of its body is there. */
function storedObservation(stored: StoredObservationView): Observation | undefined {
  const side = recordedSide(stored);
  if (side === undefined) return undefined;
  if (stored.body === undefined && (stored.bodyBytes ?? 0) > 0) return undefined;
  return wholeOf(toObservation(side));
}

/**
 * The recorded control answer where something can be set against it; undefined where it was not kept, or only its
 * structure was (`redact.bodies: structure`).
 */
export function tellingControl({ control }: Recorded): Observation | undefined {
  if (control?.kind !== 'answer') return control;
  return isBareStructure(new TextDecoder().decode(control.body)) ? undefined : control;
}

function wholeOf(observation: Observation): Observation | undefined {
  return observation.kind === 'answer' && isCut(observation) ? undefined : observation;
}

/** Whether the store cut the body. */
function isCut(answer: Answer): boolean {
  // The ellipsis takes three bytes of UTF-8, and no character of the text less than one.
  if (answer.body.length < STORED_CHARS) return false;
  const text = new TextDecoder().decode(answer.body);
  return text.endsWith('…') && text.length >= STORED_CHARS;
}

function dateOf(observation: Observation): number | undefined {
  const date =
    observation.kind === 'answer' ? observation.headers.find(([name]) => name.toLowerCase() === 'date') : undefined;
  const at = date === undefined ? Number.NaN : Date.parse(date[1]);
  return Number.isNaN(at) ? undefined : at;
}
