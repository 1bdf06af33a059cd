import type { PlanStatus } from '../api/plan-types.ts';
import type { ComparisonView } from '../api/recording-types.ts';
import type { ExplainInput, Explanation, NoisePath, TargetHealthView } from '../api/types.ts';
import type { EndpointId, Side } from '../core/cell.ts';
import type { KnownPower } from '../core/power.ts';
import type { Scope } from '../core/routing.ts';

/**
 * What the control API shows but the controller does not own: the running parts, as the composition root knows them.
 * Every function answers at once, from memory; a throw is shown as a fault and reaches no client of the proxy.
 */
export interface LiveView {
  readonly version: string;
  /** When the process started, milliseconds since the epoch. */
  readonly startedAt: number;
  /** `serving` or `draining`. */
  state(): string;
  plan(): PlanStatus;
  /** Empty: ready. Otherwise why not, one sentence each. */
  notReady(): readonly string[];
  targets(): Readonly<Record<Side, TargetHealthView[]>>;
  /** Versions as the answers told last; `unknown` otherwise. */
  versions(): Readonly<Record<Side, string>>;
  noise(): ReadonlyMap<EndpointId, readonly NoisePath[]>;
  /** The same as documents that another comparer can take over. */
  learned(): ReadonlyMap<EndpointId, unknown>;
  comparison(): ComparisonView;
  /** What is known of power, by endpoint; undefined values: not measured yet. Being asked keeps it measured for a while. */
  power(): {
    readonly demanded: number | undefined;
    readonly endpoints: ReadonlyMap<EndpointId, KnownPower | undefined>;
  };
  /** What a person should know, one sentence each. */
  warnings(): readonly string[];
  /** Mirrored pairs that wait to be compared. */
  queueLength(): number;
  /** Requests in flight. */
  outstanding(side: Side): number;
  /** Longest lifetime, in seconds, that caches may still give to candidate answers of a scope. */
  cachedForSeconds(scope: Scope): number;
  /** What the proxy would do with a request described by hand. */
  explain(input: ExplainInput): Explanation;
}
