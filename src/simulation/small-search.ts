import { murmur3 } from '../core/bucket.ts';
import { isOpen } from '../core/cell.ts';
import { decide } from '../core/decide.ts';
import type { TableData } from '../core/routing.ts';
import { compileTable } from '../core/table.ts';
import { keyOf } from './small-key.ts';
import { beginning, CELLS, ENDPOINT, type Model, NOW, type Step, SUBJECTS, stepsOf, TENANTS } from './small-model.ts';

export interface SmallViolation {
  readonly invariant: 'I4' | 'I5' | 'I6' | 'I10' | 'latch';
  readonly detail: string;
  /** How it comes about. */
  readonly path: readonly string[];
}

export interface SearchResult {
  readonly states: number;
  readonly steps: number;
  /** False: the bound on states or depth was met before everything was seen. */
  readonly isComplete: boolean;
  readonly depth: number;
  readonly violations: readonly SmallViolation[];
}

/** What is wrong with a step. */
export function wrongWith(before: Model, { name, next }: Step): Omit<SmallViolation, 'path'> | undefined {
  for (const [at, proxy] of next.proxies.entries()) {
    const old = before.proxies[at]?.table;
    if (proxy.table === undefined || proxy.table === old) continue;
    const found = wrongTable(next, proxy.table) ?? (old === undefined ? undefined : wrongMove(old, proxy.table));
    if (found !== undefined) return found;
    if (
      !before.storeWorks &&
      (!before.isUp || name !== 'the command is in force') &&
      isForward(old, proxy.table) &&
      !proxyWasBehind(before, at)
    )
      return { invariant: 'I6', detail: `${name}: somebody moved to the candidate while the store did not work` };
  }
  return wrongLatch(next);
}

/** A proxy that was cut off catches up with what the others have. */
function proxyWasBehind(before: Model, at: number): boolean {
  return before.proxies[at]?.isCut === true;
}

/** I4, I5: whatever a table gives to the candidate is in the store, with its proof. */
function wrongTable(model: Model, table: TableData): Omit<SmallViolation, 'path'> | undefined {
  const open = new Map(table.cells);
  for (const [at, key] of CELLS.entries()) {
    if (!isOpen(open.get(key))) continue;
    if (model.saved[at]?.proof === undefined)
      return { invariant: 'I4', detail: `${key} is open and no proof is saved` };
    if (
      model.isUp &&
      !isOpen(model.lasting.cells.get(key)) &&
      model.pending === undefined &&
      table.latches.length === 0
    )
      return { invariant: 'I5', detail: `${key} is open at a proxy and not in the store` };
  }
  // A lowering that is stored and not in force yet: the proxy gets what still is.
  if (!model.isUp || model.pending?.isLasting === true) return undefined;
  for (const { scope, dialPpm } of table.dials) {
    const lasting =
      [...model.lasting.dials.values()].find((dial) => dial.scope.endpoint === scope.endpoint)?.dialPpm ?? 0;
    if (dialPpm > lasting)
      return { invariant: 'I5', detail: `a dial of ${dialPpm} is in force; the store has ${lasting}` };
  }
  return undefined;
}

/** I10: by a dial alone nobody moves the wrong way. */
function wrongMove(old: TableData, table: TableData): Omit<SmallViolation, 'path'> | undefined {
  const [before, after] = [compileTable(old), compileTable(table)];
  for (const tenant of TENANTS) {
    if (isOpen(before.stateOf(ENDPOINT, tenant)) !== isOpen(after.stateOf(ENDPOINT, tenant))) continue;
    const [low, high] = [before.dialFor(ENDPOINT, tenant).dialPpm, after.dialFor(ENDPOINT, tenant).dialPpm];
    for (const subject of SUBJECTS) {
      const facts = { method: 'GET', endpoint: ENDPOINT, origin: 'found', tenant, subject, hasRange: false } as const;
      const [one, other] = [decide(facts, before, NOW), decide(facts, after, NOW)];
      if (one.reason !== 'dial' || other.reason !== 'dial' || one.side === other.side) continue;
      if ((other.side === 'control') === high > low)
        return {
          invariant: 'I10',
          detail: `${subject} went to the ${other.side} as the dial went from ${low} to ${high}`,
        };
    }
  }
  return undefined;
}

function isForward(old: TableData | undefined, table: TableData): boolean {
  if (old === undefined) return false;
  const [before, after] = [compileTable(old), compileTable(table)];
  return TENANTS.some((tenant) =>
    SUBJECTS.some((subject) => {
      const facts = { method: 'GET', endpoint: ENDPOINT, origin: 'found', tenant, subject, hasRange: false } as const;
      return decide(facts, before, NOW).side === 'control' && decide(facts, after, NOW).side === 'candidate';
    }),
  );
}

/** After a rollback was answered nobody who can be reached is served by the candidate, until a person lifts it. */
function wrongLatch(model: Model): Omit<SmallViolation, 'path'> | undefined {
  if (!model.isRolledBack) return undefined;
  for (const [at, { table, isCut }] of model.proxies.entries()) {
    if (isCut || table === undefined) continue;
    const compiled = compileTable(table);
    for (const tenant of TENANTS) {
      const facts = {
        method: 'GET',
        endpoint: ENDPOINT,
        origin: 'found',
        tenant,
        subject: 'u1',
        hasRange: false,
      } as const;
      if (decide(facts, compiled, NOW).reason !== 'latch')
        return { invariant: 'latch', detail: `proxy ${at} decides ${tenant} by something else than the latch` };
    }
  }
  return undefined;
}

/** Goes through every state that can be reached, breadth first: the path to a violation is a shortest one. */
export function search(options: {
  readonly left: Model['left'];
  readonly maxStates: number;
  readonly maxDepth?: number;
  readonly progress?: (states: number, depth: number) => void;
  /** What can happen next; other than the model's own only to see that the search finds what is wrong. */
  readonly steps?: (model: Model) => readonly Step[];
}): SearchResult {
  const { left, maxStates, maxDepth = Number.POSITIVE_INFINITY, progress, steps: next = stepsOf } = options;
  const first = beginning(left);
  const seen = new Set<number>([hashOf(first)]);
  const violations: SmallViolation[] = [];
  let level: { readonly model: Model; readonly path: Path | undefined }[] = [{ model: first, path: undefined }];
  let [steps, depth] = [0, 0];
  while (level.length > 0 && depth < maxDepth) {
    const nextLevel: typeof level = [];
    for (const { model, path } of level) {
      for (const step of next(model)) {
        steps += 1;
        const wrong = wrongWith(model, step);
        const here: Path = { name: step.name, before: path };
        if (wrong !== undefined) {
          violations.push({ ...wrong, path: namesOf(here) });
          if (violations.length >= 5) return { states: seen.size, steps, isComplete: false, depth, violations };
          continue;
        }
        const key = hashOf(step.next);
        if (seen.has(key)) continue;
        if (seen.size >= maxStates) return { states: seen.size, steps, isComplete: false, depth, violations };
        seen.add(key);
        nextLevel.push({ model: step.next, path: here });
      }
    }
    level = nextLevel;
    depth += 1;
    progress?.(seen.size, depth);
  }
  return { states: seen.size, steps, isComplete: level.length === 0, depth, violations };
}

/** 53 bits of what tells a state from another: among a million states two are taken for one once in 20,000 searches. */
function hashOf(model: Model): number {
  const key = keyOf(model);
  return murmur3(key) * 2 ** 21 + (murmur3(`${key.length}${key}`) >>> 11);
}

interface Path {
  readonly name: string;
  readonly before: Path | undefined;
}

function namesOf(path: Path): string[] {
  const names: string[] = [];
  for (let at: Path | undefined = path; at !== undefined; at = at.before) names.unshift(at.name);
  return names;
}
