import { SIDES } from '../cell.ts';
import type { EndpointPolicy, TableData } from '../routing.ts';
import { type Cohorts, describeScope } from '../scope.ts';

/** One thing in which two tables differ; null: it is not there. */
export interface TableChange {
  /** `dial`, `endpoint`, `cohort`, `force candidate tenants`, or a key of a policy: `proof`, `max`, `writes`. */
  readonly what: string;
  /** `all`, `tenant acme`, `endpoint GET /a`, `defaults`, the name of a cohort. */
  readonly scope: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** What the configuration makes different between two tables: dials, forced names, cohorts, listed endpoints and policies. */
export function tableChanges(before: TableData, after: TableData): TableChange[] {
  return [
    ...mapChanges('dial', dialsOf(before), dialsOf(after)),
    ...policyChanges(before, after),
    ...forceChanges(before, after),
    ...cohortChanges(before.cohorts, after.cohorts),
  ];
}

/** Members of a cohort that one change names. */
const MAX_TOLD = 10;
/** Keys as the configuration names them, and how their values are written. */
const KEYS: readonly (readonly [name: string, of: (policy: EndpointPolicy) => string])[] = [
  ['proof', ({ proof }) => proof],
  ['max', ({ maxPpm }) => share(maxPpm)],
  ['writes', ({ writes }) => yes(writes)],
  ['acts', ({ acts }) => yes(acts)],
  ['mirrorWrites', ({ mirrorWrites }) => yes(mirrorWrites === true)],
  ['sharedValidators', ({ sharedValidators }) => yes(sharedValidators)],
  ['mirror', ({ mirrorPpm }) => share(mirrorPpm)],
  ['retired', ({ retired }) => yes(retired)],
];

function policyChanges(before: TableData, after: TableData): TableChange[] {
  const [olds, news] = [before, after].map(({ endpoints }) => new Map(endpoints.map((one) => [one.id, one])));
  const changes = keyChanges('defaults', before.defaults, after.defaults);
  for (const id of new Set([...(olds?.keys() ?? []), ...(news?.keys() ?? [])])) {
    const [was, will] = [olds?.get(id), news?.get(id)];
    if (was === undefined) changes.push({ what: 'endpoint', scope: id, before: null, after: 'listed' });
    if (will === undefined) changes.push({ what: 'endpoint', scope: id, before: 'listed', after: null });
    changes.push(...keyChanges(`endpoint ${id}`, was ?? before.defaults, will ?? after.defaults));
  }
  return changes;
}

function keyChanges(scope: string, before: EndpointPolicy, after: EndpointPolicy): TableChange[] {
  const changes = KEYS.map(([what, of]) => ({ what, scope, before: of(before), after: of(after) }));
  // A salt says who moves with whom; its text helps nobody.
  const salts = before.salt === after.salt ? [] : [{ what: 'salt', scope, before: 'one', after: 'another' }];
  return [...changes.filter((one) => one.before !== one.after), ...salts];
}

function forceChanges(before: TableData, after: TableData): TableChange[] {
  return SIDES.flatMap((side) =>
    (['tenants', 'endpoints'] as const).flatMap((kind) => {
      const what = `force ${side} ${kind}`;
      const named = ({ force }: TableData) =>
        new Map<string, string>(force[side][kind].map((name) => [name, 'forced']));
      return mapChanges(what, named(before), named(after));
    }),
  );
}

function dialsOf({ dials }: TableData): Map<string, string> {
  return new Map(dials.map(({ scope, dialPpm }) => [describeScope(scope), share(dialPpm)]));
}

function cohortChanges(before: Cohorts, after: Cohorts): TableChange[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((scope) => {
    const [was, will] = [before[scope], after[scope]];
    const [old, next] = [new Set(was), new Set(will)];
    const added = [...next].filter((tenant) => !old.has(tenant)).map((tenant) => `+${tenant}`);
    const removed = [...old].filter((tenant) => !next.has(tenant)).map((tenant) => `-${tenant}`);
    const told = [...added, ...removed];
    if (was !== undefined && will !== undefined && told.length === 0) return [];
    const more = told.length > MAX_TOLD ? `, and ${told.length - MAX_TOLD} more` : '';
    const names = told.length === 0 ? '' : `: ${told.slice(0, MAX_TOLD).join(', ')}${more}`;
    return [
      {
        what: 'cohort',
        scope,
        before: was === undefined ? null : tenantsText(old.size),
        after: will === undefined ? null : `${tenantsText(next.size)}${names}`,
      },
    ];
  });
}

function tenantsText(size: number): string {
  return size === 1 ? '1 tenant' : `${size} tenants`;
}

function mapChanges(
  what: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): TableChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((scope) => {
    const [was, will] = [before.get(scope) ?? null, after.get(scope) ?? null];
    return was === will ? [] : [{ what, scope, before: was, after: will }];
  });
}

/** 50,000 parts per million is `5%`. */
function share(ppm: number): string {
  return `${ppm / 10_000}%`;
}

function yes(is: boolean): string {
  return is ? 'yes' : 'no';
}
