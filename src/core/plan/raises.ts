import { type EndpointId, SIDES } from '../cell.ts';
import type { Dial, EndpointPolicy, Scope, TableData } from '../routing.ts';
import { describeScope, scopeKey, scopesOverlap } from '../scope.ts';
import { endpointsOverlap } from './overlap.ts';
import type { PlanNames } from './plan-names.ts';

/** Something by which a plan would give the candidate more. */
export interface Raise {
  readonly scope: Scope;
  /** `the dial from 5% to 20%`. */
  readonly what: string;
}

/**
 * By what a plan gives the candidate requests that it does not have now; empty: it moves nobody to the candidate. Never misses
 * one: where it cannot be told, it counts as raised. Cells and evidence are not looked at: a plan changes neither.
 * @param names What requests are called before and after; absent: the same.
 */
export function raisesOf(before: TableData, after: TableData, names?: PlanNames): Raise[] {
  if (!mayServe(after)) return [];
  return [
    ...nameRaises(names),
    ...dialRaises(before, after),
    ...policyRaises(before, after),
    ...forceRaises(before, after),
    ...cohortRaises(before, after),
    ...(names === undefined ? [] : listingRaises(before, after, names)),
  ];
}

/** Pairs of names that are looked at one by one, about a second; beyond it everything counts as raised. */
const MAX_PAIRS = 250_000;
/** Raises told one by one; the rest is counted. */
const MAX_TOLD = 5;

/** `the dial of all from 5% to 20%, and 3 more`. */
export function raisesText(raises: readonly Raise[]): string {
  const told = raises.slice(0, MAX_TOLD).map(({ scope, what }) => `${describeScope(scope)}: ${what}`);
  const more = raises.length - told.length;
  return `${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

/** Whether the candidate can have any request at all. */
function mayServe({ dials, pins, force, endpoints, defaults }: TableData): boolean {
  const { tenants, endpoints: forced } = force.candidate;
  return (
    dials.some(({ dialPpm }) => dialPpm > 0) ||
    pins.some(({ side }) => side === 'candidate') ||
    tenants.length + forced.length > 0 ||
    defaults.retired ||
    endpoints.some(({ retired }) => retired)
  );
}

function nameRaises(names: PlanNames | undefined): Raise[] {
  if (names === undefined) return [];
  const { before, after } = names;
  const raises: Raise[] = [];
  if (before.tenant !== after.tenant) raises.push({ scope: {}, what: 'tenants get other names' });
  if (before.subject !== after.subject)
    raises.push({ scope: {}, what: 'subjects get other names, so other people are on the candidate' });
  return raises;
}

function dialRaises(before: TableData, after: TableData): Raise[] {
  const [olds, news] = [before, after].map(({ dials }) => new Map(dials.map((dial) => [scopeKey(dial.scope), dial])));
  const raises: Raise[] = [];
  for (const [key, { scope }] of new Map([...(olds ?? []), ...(news ?? [])])) {
    const was = olds?.get(key)?.dialPpm ?? Math.min(...inherited(before, scope));
    const will = news?.get(key)?.dialPpm ?? Math.max(...inherited(after, scope));
    if (will > was) raises.push({ scope, what: `the dial from ${share(was)} to ${share(will)}` });
  }
  return raises;
}

/** What wider dials say to a scope that has none of its own; 0 where nothing says anything. */
function inherited({ dials, cohorts }: TableData, scope: Scope): number[] {
  const wider = dials.filter((dial) => isWider(dial, scope) && scopesOverlap(dial.scope, scope, cohorts));
  const all = dials.findLast((dial) => scopeKey(dial.scope) === 'all');
  return [all?.dialPpm ?? 0, ...wider.map(({ dialPpm }) => dialPpm)];
}

function isWider({ scope }: Dial, than: Scope): boolean {
  return specificity(scope) < specificity(than);
}

/** The order in which the table looks dials up. */
function specificity({ tenant, cohort, endpoint }: Scope): number {
  const own = endpoint === undefined ? 0 : 1;
  if (tenant !== undefined) return 4 + own;
  return cohort === undefined ? own : 2 + own;
}

function policyRaises(before: TableData, after: TableData): Raise[] {
  const [olds, news] = [policies(before), policies(after)];
  const told = (scope: Scope, was: EndpointPolicy, will: EndpointPolicy): Raise[] =>
    looser(was, will).map((what) => ({ scope, what }));
  const raises = told({}, before.defaults, after.defaults);
  for (const id of new Set([...olds.keys(), ...news.keys()]))
    raises.push(...told({ endpoint: id }, olds.get(id) ?? before.defaults, news.get(id) ?? after.defaults));
  return raises;
}

function policies({ endpoints }: TableData): ReadonlyMap<EndpointId, EndpointPolicy> {
  return new Map(endpoints.map((one) => [one.id, one]));
}

/** In what a policy lets more requests move than another. */
function looser(was: EndpointPolicy, will: EndpointPolicy): string[] {
  const found: string[] = [];
  if (will.maxPpm > was.maxPpm) found.push(`max from ${share(was.maxPpm)} to ${share(will.maxPpm)}`);
  if (will.proof === 'none' && was.proof !== 'none') found.push('no proof is demanded any more');
  if (will.writes && !was.writes) found.push('writes may move');
  if (was.acts && !will.acts) found.push('it no longer counts as acting');
  if (will.sharedValidators && !was.sharedValidators) found.push('ranges may move');
  if (will.retired && !was.retired) found.push('it is retired');
  if (will.salt !== was.salt) found.push('another salt, so people are dealt anew');
  return found;
}

function forceRaises(before: TableData, after: TableData): Raise[] {
  const raises: Raise[] = [];
  for (const side of SIDES) {
    const [gone, come] = side === 'control' ? [before, after] : [after, before];
    const what = side === 'control' ? 'no longer forced to the control' : 'forced to the candidate';
    const [tenants, endpoints] = [new Set(come.force[side].tenants), new Set(come.force[side].endpoints)];
    for (const tenant of gone.force[side].tenants) if (!tenants.has(tenant)) raises.push({ scope: { tenant }, what });
    for (const endpoint of gone.force[side].endpoints)
      if (!endpoints.has(endpoint)) raises.push({ scope: { endpoint }, what });
  }
  return raises;
}

/** Whose members changed while something is set for all of them. */
function cohortRaises(before: TableData, after: TableData): Raise[] {
  const named = new Set(
    [...before.dials, ...after.dials, ...before.pins, ...after.pins].flatMap(({ scope }) => scope.cohort ?? []),
  );
  const members = ({ cohorts }: TableData, name: string): string =>
    JSON.stringify([...new Set(cohorts[name] ?? [])].sort());
  return [...named]
    .filter((cohort) => members(before, cohort) !== members(after, cohort))
    .map((cohort) => ({ scope: { cohort }, what: 'other members, while a dial or pin is set for it' }));
}

/** Requests that are called otherwise, and may move where they are now. */
function listingRaises(before: TableData, after: TableData, names: PlanNames): Raise[] {
  const [olds, news] = [new Set(names.before.listed), new Set(names.after.listed)];
  const raises: Raise[] = [];
  const look = (from: EndpointId | undefined, to: EndpointId | undefined): void => {
    const what = looser(policyFor(before, from), policyFor(after, to));
    const [was, will] = [Math.min(...dialsAt(before, from)), Math.max(...dialsAt(after, to))];
    if (will > was) what.push(`the dial from ${share(was)} to ${share(will)}`);
    const name = to ?? from;
    const scope = name === undefined ? {} : { endpoint: name };
    for (const one of what)
      raises.push({ scope, what: `${from ?? 'what was found live'} is called ${to ?? 'as it is found'}: ${one}` });
  };
  const [added, removed] = [[...news].filter((one) => !olds.has(one)), [...olds].filter((one) => !news.has(one))];
  const named = [...new Set([...olds, ...before.dials.flatMap(({ scope }) => scope.endpoint ?? [])])];
  if (added.length * named.length + removed.length * news.size > MAX_PAIRS)
    return [{ scope: {}, what: `${added.length + removed.length} endpoints get other names` }];
  for (const to of added) {
    look(undefined, to);
    for (const from of named) if (endpointsOverlap(from, to)) look(from, to);
  }
  for (const from of removed) {
    look(from, undefined);
    for (const to of news) if (endpointsOverlap(from, to)) look(from, to);
  }
  return raises;
}

function policyFor(table: TableData, id: EndpointId | undefined): EndpointPolicy {
  return table.endpoints.find((one) => one.id === id) ?? table.defaults;
}

/** The dials that are set for an endpoint, whomever for, or else the one for everything. */
function dialsAt({ dials }: TableData, id: EndpointId | undefined): number[] {
  const own = id === undefined ? [] : dials.filter(({ scope }) => scope.endpoint === id);
  const isWhole = own.some(({ scope }) => scope.tenant === undefined && scope.cohort === undefined);
  const all = dials.findLast(({ scope }) => scopeKey(scope) === 'all')?.dialPpm ?? 0;
  return [...own.map(({ dialPpm }) => dialPpm), ...(isWhole ? [] : [all])];
}

/** 50,000 parts per million is `5%`. */
function share(ppm: number): string {
  return `${ppm / 10_000}%`;
}
