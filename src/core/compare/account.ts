import type { EndpointId } from '../cell.ts';
import type { IgnoreRule, NormaliseRule, Rule, ToleranceRule, UnorderedRule } from '../rule.ts';
import type { Accounted, Finding } from './finding.ts';
import type { ListMode } from './walk.ts';

/** Rewrites a text by a rule's pattern; handed in, because the engine of patterns is no part of the core. */
export type Rewrite = (rule: NormaliseRule, text: string) => string;

interface Scoped<R extends Rule> {
  readonly rule: R;
  readonly segments: readonly string[];
}

/** The configured rules of one endpoint, ready to be asked. */
export class RuleSet {
  readonly #ignore: readonly Scoped<IgnoreRule>[];
  readonly #normalise: readonly Scoped<NormaliseRule>[];
  readonly #unordered: readonly Scoped<UnorderedRule>[];
  readonly #tolerance: readonly Scoped<ToleranceRule>[];
  readonly #rewrite: Rewrite;
  /** Whether no rule can account for a finding; then no path needs to be taken apart. */
  readonly #isSilent: boolean;

  constructor(rules: readonly Rule[], endpoint: EndpointId, rewrite: Rewrite) {
    const own = rules.filter((rule) => rule.endpoint === undefined || rule.endpoint === endpoint);
    const of = <K extends Rule['kind']>(kind: K): Scoped<Extract<Rule, { kind: K }>>[] =>
      own.flatMap((rule) =>
        rule.kind === kind ? [{ rule: rule as Extract<Rule, { kind: K }>, segments: rule.path.split('/') }] : [],
      ); // the kind was compared
    this.#ignore = of('ignore');
    this.#normalise = of('normalise');
    this.#unordered = of('unordered');
    this.#tolerance = of('tolerance');
    this.#rewrite = rewrite;
    this.#isSilent = this.#ignore.length + this.#normalise.length + this.#tolerance.length === 0;
  }

  /** What a rule says of a finding; undefined: no rule accounts for it. Checks come before ignoring: what passes a check speaks for the candidate. */
  account(finding: Finding, now: number): Accounted | undefined {
    if (this.#isSilent) return undefined;
    const path = finding.place.path.split('/');
    const found = this.#check(finding, path) ?? this.#ignored(path, now);
    if (found !== undefined || finding.place.detail === undefined) return found;
    // A cookie's attribute is reached by `header:set-cookie` and by its own, finer path.
    const finer = [...path, ...finding.place.detail.split('/')];
    return this.#check(finding, finer) ?? this.#ignored(finer, now);
  }

  #check(finding: Finding, path: readonly string[]): Accounted | undefined {
    const { control, candidate, kind } = finding;
    if (control === undefined || candidate === undefined || (kind !== 'value' && kind !== 'whitespace'))
      return undefined;
    for (const { rule, segments } of this.#tolerance) {
      if (globMatches(segments, path) && isWithin(rule, control.text, candidate.text))
        return { noise: 'tolerance', rule: rule.name };
    }
    for (const { rule, segments } of this.#normalise) {
      if (globMatches(segments, path) && this.#rewrite(rule, control.text) === this.#rewrite(rule, candidate.text))
        return { noise: 'normalise', rule: rule.name };
    }
    return undefined;
  }

  #ignored(path: readonly string[], now: number): Accounted | undefined {
    for (const { rule, segments } of this.#ignore) {
      if (rule.until !== undefined && now >= rule.until) continue;
      if (globMatches(segments, path)) return rule.counts ? { rule: rule.name } : { rule: rule.name, ignored: true };
    }
    return undefined;
  }

  /** How a list is compared by rule; undefined where no rule speaks of it. */
  listMode(path: string): ListMode | undefined {
    if (this.#unordered.length === 0) return undefined;
    const segments = path.split('/');
    const found = this.#unordered.find((scoped) => globMatches(scoped.segments, segments));
    if (found === undefined) return undefined;
    const { rule } = found;
    return {
      mode: 'bag',
      ...(rule.key === undefined ? {} : { key: rule.key }),
      accounted: { noise: 'unordered', rule: rule.name },
    };
  }
}

/** Whether two numbers are as near as the rule allows; texts that are no numbers never are. */
function isWithin(rule: ToleranceRule, mine: string, theirs: string): boolean {
  const [a, b] = [Number(mine), Number(theirs)];
  if (mine.trim() === '' || theirs.trim() === '' || !Number.isFinite(a) || !Number.isFinite(b)) return false;
  const apart = Math.abs(a - b);
  // A rounding error in the last place of the sum must not decide: 0.3 - 0.2 is a little less than 0.1.
  const slack = Number.EPSILON * 8 * Math.max(Math.abs(a), Math.abs(b));
  if (rule.absolute !== undefined && apart <= rule.absolute + slack) return true;
  return rule.relative !== undefined && apart <= rule.relative * Math.max(Math.abs(a), Math.abs(b)) + slack;
}

/** `*` is one segment, `**` any number, also none; everything else is literal. Work is bounded by the product of both lengths. */
export function globMatches(glob: readonly string[], path: readonly string[]): boolean {
  // reach[j]: whether the part of the glob so far matches the first j segments.
  let reach = Array.from({ length: path.length + 1 }, (_, j) => j === 0);
  for (const segment of glob) {
    const next = new Array<boolean>(path.length + 1).fill(false);
    for (let j = 0; j <= path.length; j += 1) {
      if (segment === '**') next[j] = reach[j] === true || (j > 0 && next[j - 1] === true);
      else if (j > 0) next[j] = reach[j - 1] === true && (segment === '*' || segment === path[j - 1]);
    }
    reach = next;
  }
  return reach[path.length] === true;
}
