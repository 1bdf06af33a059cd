import type { EndpointId, TenantId } from '../core/cell.ts';
import { MUTATORS, type Mutator } from '../core/mutation/mutators.ts';
import type { Answer, Exchange, Observation } from '../core/observation.ts';
import type { EndpointPower, FaultFound, Hider, RuleCost } from '../core/power.ts';
import type { Rule } from '../core/rule.ts';
import type { ComparisonResult } from '../core/verdict.ts';
import { Comparer } from '../verifier/comparer.ts';
import { comparerOf, type Recorded, type Standard, tellingControl } from './recorded-traffic.ts';

/** Answers of an endpoint into which each fault is planted; where there are more, the newest. */
export const MOST_ANSWERS = 10;
/** Rules whose cost is measured at an endpoint, one after the other. */
const MOST_RULES = 200;
/** Fixed, so that the same answers under the same rules have the same power. */
const SEED = 0x5eed;

/**
 * Plants known faults into recorded control answers, one endpoint after the other, and asks the comparer whether it sees them.
 * The same answers, rules and noise give the same result.
 */
export function measurePower(
  recorded: readonly Recorded[],
  standard: Standard,
  mutators: readonly Mutator[] = MUTATORS,
): readonly EndpointPower[] {
  const byEndpoint = grouped(recorded, (one) => one.endpoint);
  return [...byEndpoint]
    .map(([endpoint, list]) => powerOf(endpoint, list, standard, mutators))
    .sort((a, b) => (a.power ?? 2) - (b.power ?? 2) || (a.endpoint < b.endpoint ? -1 : 1));
}

/** A fault in one answer. */
interface Planting {
  readonly mutator: Mutator;
  readonly exchange: Exchange;
  readonly path: string;
}

function powerOf(
  endpoint: string,
  list: readonly Recorded[],
  standard: Standard,
  mutators: readonly Mutator[],
): EndpointPower {
  const answers = usable(list);
  const plantings = mutators.map((mutator) => plantAll(mutator, answers));
  const judge = (comparer: Comparer, one: Planting) => comparer.compare(one.exchange);
  const missed: Missed[] = [];
  const faults: FaultFound[] = [];
  for (const list of plantings) {
    if (list.length === 0) continue;
    // Each fault meets a comparer that has seen no other: what it remembers of values must not come from another fault.
    const comparer = comparerOf(standard, endpoint);
    const results = list.map((planting) => ({ planting, result: judge(comparer, planting) }));
    const hidden = results.filter(({ result }) => result.verdict !== 'mismatch');
    missed.push(...hidden);
    const { name, fault } = (list[0] as Planting).mutator; // not empty
    const hiddenBy = counted(hidden.map(({ planting, result }) => hiderOf(planting, result)));
    faults.push({ fault: name, says: fault, planted: list.length, found: list.length - hidden.length, hiddenBy });
  }
  const hidden = missed.map(({ planting }) => planting);
  return {
    endpoint,
    answers: answers.length,
    faults,
    power:
      faults.length === 0 ? null : faults.reduce((sum, { planted, found }) => sum + found / planted, 0) / faults.length,
    rules: ruleCosts(missed, endpoint, standard),
    noiseHides: foundBy(hidden, () => new Comparer(standard.options)).length,
  };
}

interface Missed {
  readonly planting: Planting;
  readonly result: ComparisonResult;
}

type WholeAnswer = Recorded & { readonly control: Answer };

/** Good answers that are there as a whole, with their values: a fault planted into an error page, or into marks, says little about the endpoint. */
function usable(list: readonly Recorded[]): readonly WholeAnswer[] {
  return list
    .filter((one): one is WholeAnswer => {
      const control = tellingControl(one);
      return control?.kind === 'answer' && control.status < 400;
    })
    .sort((a, b) => (b.at ?? 0) - (a.at ?? 0))
    .slice(0, MOST_ANSWERS);
}

function plantAll(mutator: Mutator, answers: readonly WholeAnswer[]): readonly Planting[] {
  const random = seeded(mutator.name);
  return answers.flatMap((one, index) => {
    const planted = mutator.plant(one.control, random);
    return planted === undefined
      ? []
      : [{ mutator, exchange: exchangeOf(one, planted.answer, `${mutator.name}-${index}`), path: planted.path }];
  });
}

function exchangeOf(recorded: WholeAnswer, candidate: Observation, id: string): Exchange {
  const { method, target, headers } = recorded.request;
  return {
    id,
    at: recorded.at ?? 0,
    // Names that a running Cutover, or the file, gave.
    cell: { tenant: recorded.tenant as TenantId, endpoint: recorded.endpoint as EndpointId },
    direction: 'forward',
    request: { method, target, headers },
    control: recorded.control,
    candidate,
    gapMs: 0,
    versions: { control: 'unknown', candidate: 'unknown' },
  };
}

/** What hides a planting: of the differences that were accounted for, those where the fault lies come first. */
function hiderOf({ path }: Planting, result: ComparisonResult): Hider {
  if (result.verdict === 'inconclusive') return { kind: 'inconclusive', name: result.reason ?? 'unknown' };
  const there =
    result.differences.find((found) => lies(found.path, path) || lies(path, found.path)) ?? result.differences[0];
  if (there?.rule !== undefined) return { kind: 'rule', name: there.rule };
  if (there?.noise !== undefined) return { kind: 'noise', name: `${there.noise} at ${there.path}` };
  return path.startsWith('header:')
    ? { kind: 'header', name: path.split('/')[0] ?? path }
    : { kind: 'unseen', name: path.split('/')[0] ?? path };
}

function grouped<T, K>(list: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of list) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

function lies(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

function counted(hiders: readonly Hider[]): FaultFound['hiddenBy'] {
  const groups = grouped(hiders, ({ kind, name }) => `${kind} ${name}`);
  return [...groups.values()]
    .map((group) => ({ ...(group[0] as Hider), count: group.length })) // groups are not empty
    .sort((a, b) => b.count - a.count);
}

/** The hidden plantings that another comparer finds. */
function foundBy(hidden: readonly Planting[], make: () => Comparer): readonly Planting[] {
  if (hidden.length === 0) return [];
  return [...grouped(hidden, ({ mutator }) => mutator).values()].flatMap((list) => {
    const comparer = make();
    return list.filter(({ exchange }) => comparer.compare(exchange).verdict === 'mismatch');
  });
}

function ruleCosts(missed: readonly Missed[], endpoint: string, standard: Standard): readonly RuleCost[] {
  const { rules } = standard.options.policy;
  const here = rules.filter((rule) => rule.endpoint === undefined || rule.endpoint === endpoint).slice(0, MOST_RULES);
  return here
    .map((rule) => {
      const hidden = takingPart(rule, missed);
      const found = foundBy(hidden, () => comparerOf(standard, endpoint, without(rules, rule)));
      return { rule: rule.name, faults: [...new Set(found.map(({ mutator }) => mutator.name))], hidden: found.length };
    })
    .filter(({ hidden: count }) => count > 0)
    .sort((a, b) => b.hidden - a.hidden);
}

/**
 * Plantings of the faults that a rule takes part in hiding; the others are missed without it as well.
 * What a rule accounts for names it, but for lists in any order: there is no difference then. Kinds of faults stay together,
 * because the comparer remembers values.
 */
function takingPart(rule: Rule, missed: readonly Missed[]): readonly Planting[] {
  const isNamed = ({ differences, differenceCount }: ComparisonResult): boolean =>
    differenceCount > differences.length || differences.some((one) => one.rule === rule.name);
  const groups = grouped(missed, ({ planting }) => planting.mutator);
  return [...groups.values()]
    .filter((group) => rule.kind === 'unordered' || group.some(({ result }) => isNamed(result)))
    .flatMap((group) => group.map(({ planting }) => planting));
}

function without(rules: readonly Rule[], rule: Rule): readonly Rule[] {
  return rules.filter((one) => one !== rule);
}

/** Numbers from 0 to below 1, the same for the same name: mulberry32, public domain. */
function seeded(name: string): () => number {
  let state = SEED;
  for (const character of name) state = Math.imul(state ^ character.charCodeAt(0), 0x01000193) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
