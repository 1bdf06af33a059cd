import type { StoredBodies } from '../config/settings.ts';
import type { AliasPair } from '../core/alias/pair.ts';
import type { EndpointId, Side } from '../core/cell.ts';
import type { CapturedRequest, Exchange, Observation } from '../core/observation.ts';
import type { NoisePath, StoredSession, VerifiedExchange } from '../core/ports.ts';
import type { ComparisonPolicy } from '../core/rule.ts';
import type { AlikeCount } from './alike-tally.ts';
import type { TrailStep } from './session-trail.ts';

/** What a worker compares and stores by; may change while it works. */
export interface WorkerRules {
  readonly policy: ComparisonPolicy;
  readonly limits: { readonly maxDecodedBytes: number; readonly timeoutMs: number };
  readonly redactNames: readonly string[];
  readonly bodies: StoredBodies;
}

/** What a worker is born with. */
export interface WorkerData extends WorkerRules {
  readonly redactKey: Uint8Array;
  /** What its endpoints had learned when they were last asked. */
  readonly noise: readonly (readonly [EndpointId, unknown])[];
}

/** An exchange without what was sent: what is counted even where comparing failed. */
export type ExchangeFacts = Omit<VerifiedExchange, 'result' | 'request' | 'answers'>;

export type SettledAs = 'mismatch' | 'unconfirmed' | 'unrepeated';

/** One step for a worker. `task` names the exchange between steps. */
export type WorkerRequest =
  /** Compare. A mismatch is held where `confirm`; else the pair's control answer where `probe`. */
  | {
      readonly kind: 'compare';
      readonly task: number;
      readonly exchange: Exchange;
      readonly facts: ExchangeFacts;
      readonly confirm: boolean;
      readonly probe: boolean;
      /** What it has not heard of the endpoints whose noise it keeps. */
      readonly alike: readonly AlikeCount[];
    }
  /** Which of the names it told contradict what is known: the comparison goes on. */
  | { readonly kind: 'paired'; readonly task: number; readonly broken: readonly AliasPair[] }
  /** What a side answered to the same request, `gapMs` after the control's first answer. */
  | {
      readonly kind: 'again';
      readonly task: number;
      readonly side: Side;
      readonly observation: Observation;
      readonly gapMs: number;
    }
  /**
   * Nobody could be asked (any more): end a held mismatch as this. `mismatch`: its cause stood before, or needs no more
   * proof. `unrepeated`: the candidate could not be asked again, so that how slow it was says nothing.
   */
  | { readonly kind: 'settle'; readonly task: number; readonly as: SettledAs }
  /** What led to the request of a mismatch. */
  | {
      readonly kind: 'chain';
      readonly task: number;
      readonly steps: readonly TrailStep[];
      readonly request: CapturedRequest;
    }
  /** Forget what is held. */
  | { readonly kind: 'drop'; readonly task: number };

/** Other rules for what comes; what was learned stays. */
export interface RulesRequest {
  readonly kind: 'rules';
  readonly rules: WorkerRules;
}

export type WorkerReply =
  /** Done; `held` where the control answer is kept for a probe. */
  | {
      readonly kind: 'verified';
      readonly verified: VerifiedExchange;
      readonly held: boolean;
      readonly noise?: NoiseUpdate;
    }
  /** Held: names told for the first time. They stay in memory; nothing else a worker says holds what was sent (I8). */
  | { readonly kind: 'pairs'; readonly pairs: readonly AliasPair[]; readonly noise?: undefined }
  /** A mismatch that is held. `steady`: the control, asked again, still answers as it did where `cause` lies. */
  | { readonly kind: 'unconfirmed'; readonly cause: string; readonly noise?: NoiseUpdate }
  | { readonly kind: 'steady'; readonly cause: string; readonly noise?: NoiseUpdate }
  | { readonly kind: 'chain'; readonly session: StoredSession | undefined; readonly noise?: undefined }
  /** A probe was learned from, something was dropped, or the rules are others. */
  | { readonly kind: 'done'; readonly noise?: NoiseUpdate }
  /** The task is not held here: the worker was replaced in between. */
  | { readonly kind: 'gone'; readonly noise?: undefined }
  /** Comparing threw. */
  | { readonly kind: 'fault'; readonly message: string; readonly noise?: undefined };

/** What an endpoint has learned so far. */
export interface NoiseUpdate {
  readonly endpoint: EndpointId;
  readonly paths: readonly NoisePath[];
  readonly snapshot: unknown;
}

/** Sent once, when a worker can take its first task. */
export const READY = 'ready';
