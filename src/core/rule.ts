import type { EndpointId, Side } from './cell.ts';

/** What a rule applies to. Absent means everything. */
export interface RuleScope {
  readonly endpoint?: EndpointId;
  /**
   * A difference path with wildcards: `*` one segment, `**` any number.
   * `header:x-request-id`, `body/items/*` + `/updatedAt`, `body/**` + `/time`.
   */
  readonly path: string;
}

/** Every rule carries the reason a person gave for it. */
interface RuleBase extends RuleScope {
  /** Unique; how the rule is called in reports. */
  readonly name: string;
  readonly reason: string;
}

/** Silences a difference. Does not speak for the candidate unless `counts`. */
export interface IgnoreRule extends RuleBase {
  readonly kind: 'ignore';
  /** True: an ignored comparison counts as a match. Demands owner and `until`. */
  readonly counts: boolean;
  readonly owner?: string;
  /** Milliseconds since the epoch; after it the rule no longer applies. */
  readonly until?: number;
}

/** Rewrites both values by a pattern before they are compared. */
export interface NormaliseRule extends RuleBase {
  readonly kind: 'normalise';
  /** RE2 syntax: no look-around, no back references, linear time. */
  readonly pattern: string;
  readonly replace: string;
}

/** The array at `path` is a bag: order does not matter. With `key`, a list keyed by that member. */
export interface UnorderedRule extends RuleBase {
  readonly kind: 'unordered';
  readonly key?: string;
}

/** Numbers at `path` may differ by an absolute or relative amount. */
export interface ToleranceRule extends RuleBase {
  readonly kind: 'tolerance';
  readonly absolute?: number;
  /** 0.01 is one percent of the larger magnitude. */
  readonly relative?: number;
}

export type Rule = IgnoreRule | NormaliseRule | UnorderedRule | ToleranceRule;

/** Both must be passed: many times nothing is still nothing, and a second more of a minute is none. */
export interface SlowLimit {
  /** Above 1: how many times as long as the control. */
  readonly factor: number;
  /** How much longer than the control, milliseconds. */
  readonly byMs: number;
}

/** What the comparer follows, besides what it learns. Changing it begins an epoch. */
export interface ComparisonPolicy {
  readonly rules: readonly Rule[];
  /** Lower-case names of answer headers that are compared, besides status and body. */
  readonly headers: readonly string[];
  /** False: the order of an object's members in JSON does not matter (the default). */
  readonly keyOrder: boolean;
  /** True: comments of HTML pages count, as the elements of a page do. */
  readonly htmlComments?: boolean;
  /** From when on a candidate that answers the same is too slow; absent: how long it takes is not compared. */
  readonly slowerThan?: SlowLimit;
  /** `host` or `host:port`, lower case, of the sides that are asked under their own name: what they call themselves in links. */
  readonly hosts?: Readonly<Record<Side, readonly string[]>>;
}

/** The part of wider settings that says how answers are compared. */
export function comparisonPolicy(settings: ComparisonPolicy): ComparisonPolicy {
  const { rules, headers, keyOrder, htmlComments, slowerThan, hosts } = settings;
  return {
    rules,
    headers,
    keyOrder,
    ...(htmlComments === true ? { htmlComments } : {}),
    ...(slowerThan === undefined ? {} : { slowerThan }),
    ...(hosts === undefined ? {} : { hosts }),
  };
}
