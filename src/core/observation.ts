import type { AliasPair } from './alias/pair.ts';
import type { Cell, Side } from './cell.ts';

/** Headers as they came: order, case and repetitions kept. Values are latin1 strings, as on the wire. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** A request as it is mirrored, asked again, stored and reproduced. */
export interface CapturedRequest {
  readonly method: string;
  /** Path and query, exactly as the client sent them. */
  readonly target: string;
  readonly headers: HeaderList;
  /** Absent for a request without body. Mirrored requests with a body larger than the bound are not captured at all. */
  readonly body?: Uint8Array;
}

/** What one upstream did with one request. */
export type Observation = Answer | Failure;

/** What was captured of a body. */
export interface CapturedBody {
  /** Its first bytes, up to the capture bound. */
  readonly body: Uint8Array;
  /** Length of the whole body; larger than `body.length` when the capture bound cut it. */
  readonly bodyBytes: number;
  /** sha256 of the whole body in hex, present when the bound cut the capture. */
  readonly bodyDigest?: string;
  /** What is known of a body that the bound cut, beyond its first bytes. */
  readonly bodySample?: BodySample;
}

/** Its body is as it was sent, still content-coded. */
export interface Answer extends CapturedBody {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: HeaderList;
  /** Of a coded body that the bound cut: the body with its coding undone, or that it cannot be; absent where nobody tried. */
  readonly decoded?: CapturedBody | 'damaged';
  /** An event stream that went on: the body is its beginning, and may break off within an event. */
  readonly isOpen?: true;
  /** Milliseconds; 0 where nobody measured. */
  readonly firstByteMs: number;
  readonly durationMs: number;
}

/** Where a long body can be compared without having been kept. */
export interface BodySample {
  /** The last bytes, at most 64 KiB. */
  readonly tail: Uint8Array;
  /** Places its content chose, in rising order, at most 256; the first lie within the captured part. */
  readonly marks: readonly BodyMark[];
}

export interface BodyMark {
  readonly offset: number;
  /** Digest of what lies between the beginning of the sample (the same place in every body) and here. */
  readonly before: string;
  /** Digest of all that follows. */
  readonly after: string;
}

export const FAILURE_KINDS = ['refused', 'reset', 'timeout', 'truncated'] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

export interface Failure {
  readonly kind: 'failure';
  readonly failure: FailureKind;
  readonly durationMs: number;
}

/** Which way a mirror went: `forward` while the control serves, `reverse` while the candidate does. */
export type MirrorDirection = 'forward' | 'reverse';

/** One request and what both sides made of it: the verifier's input. */
export interface Exchange {
  /** Sortable and unique: time in base 36, then randomness. */
  readonly id: string;
  /** When the client's request arrived, milliseconds since the epoch. */
  readonly at: number;
  readonly cell: Cell;
  /** Hash of the subject: groups a person's requests without naming the person. */
  readonly subjectHash?: string;
  readonly direction: MirrorDirection;
  readonly request: CapturedRequest;
  /** The request as the side that did not serve got it, where that side's own names stand in it. */
  readonly copied?: CapturedRequest;
  /** Present where sessions are kept apart by side: what is known of the names both sides gave to this one. */
  readonly session?: SessionAliases;
  readonly control: Observation;
  readonly candidate: Observation;
  /** Time between the two requests, milliseconds; a control-control probe waits as long. */
  readonly gapMs: number;
  /** Versions of either side, as their answers told; `unknown` otherwise. */
  readonly versions: Readonly<Record<Side, string>>;
  /** A person, a list or a token chose the side that served. */
  readonly forced?: true;
  /** Present: it does not tell which side fails more often. */
  readonly unpaired?: Unpaired;
  /** It was preferred because of its cell: it says nothing about the endpoint's requests as a whole. */
  readonly preferred?: true;
}

/**
 * Why a pair does not tell which side fails more often. `failed-over`: it is there only because the candidate failed, and
 * nobody had drawn it. `too-slow`: a side took too long, and copies have another time limit than what is served.
 */
export const UNPAIRED = ['failed-over', 'too-slow'] as const;
export type Unpaired = (typeof UNPAIRED)[number];

/** What a comparison is told of a session. Secrets: they go to the thread that compares and nowhere else. */
export interface SessionAliases {
  /** At most 512. */
  readonly pairs: readonly AliasPair[];
  /** Found in these very answers, and against what other sessions tell. */
  readonly broken: readonly AliasPair[];
}

/** The first value of a header, or undefined. `name` is lower case. */
export function headerValue(headers: HeaderList, name: string): string | undefined {
  for (const [key, value] of headers) {
    if (key.length === name.length && key.toLowerCase() === name) return value;
  }
  return undefined;
}

/** Every value of a header, in order. `name` is lower case. */
export function headerValues(headers: HeaderList, name: string): string[] {
  const values: string[] = [];
  for (const [key, value] of headers) {
    if (key.length === name.length && key.toLowerCase() === name) values.push(value);
  }
  return values;
}
