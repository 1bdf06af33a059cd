import { type ConfigProblem, describeProblem } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { planNaming, tableBase } from '../config/table-base.ts';
import type { Controller } from '../controller/controller.ts';
import { restoreState, type TableBase } from '../core/control-model.ts';
import type { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { CutoverError, isCutoverError } from '../core/errors.ts';
import { slipsLatch } from '../core/plan/guard.ts';
import type { LoadedPlan } from '../core/plan/load-plan.ts';
import type { Clock, Log, Store } from '../core/ports.ts';
import type { VerifierSettings } from '../verifier/verifier.ts';
import { LiveSettings } from './live-settings.ts';
import { loadPlans, PlanBook } from './plan-book.ts';
import { PlanKeeper, type PlanOrigin, type PlanText, planHash } from './plan-keeper.ts';
import { PlanWatch } from './plan-watch.ts';

/** With which plan a process begins. */
export interface FirstPlan {
  readonly live: LiveSettings;
  readonly base: TableBase;
  /** Undefined where the settings came without a text. */
  readonly plan: LoadedPlan | undefined;
  readonly running: PlanText | undefined;
  readonly book: PlanBook;
  /** Why everything must be rolled back before anything is served: what was under a narrower rollback has other names now. */
  readonly slip: string | undefined;
}

/**
 * The plan to begin with: that of the file, unless a person had put another one in force and the file is the same since.
 * Then it is that one again: a restart takes no decision back.
 * Where several controllers share the store, a file that was in force before counts no more: it is one that nobody has replaced yet.
 * @throws CutoverError CONFIG_INVALID where that one does not fit any more, for example because a secret is gone.
 */
export async function firstPlan(
  settings: Settings,
  origin: PlanOrigin | undefined,
  { store, log, isShared = false }: { readonly store: Store; readonly log: Log; readonly isShared?: boolean },
): Promise<FirstPlan> {
  const { documents, mark, state } = await loadPlans(store);
  const book = new PlanBook(store, documents);
  const begin = (of: Settings, plan?: LoadedPlan, running?: PlanText): FirstPlan => ({
    live: new LiveSettings(of),
    base: tableBase(of),
    plan,
    running,
    book,
    slip: origin === undefined ? undefined : slipAtStart(of, { origin, mark, state, book }),
  });
  if (origin === undefined) return begin(settings);
  const fileHash = origin.file === undefined ? '' : planHash(origin.text);
  const ordered = isShared ? sharedPlan(mark, fileHash, book) : orderedPlan(mark, fileHash, book);
  if (ordered === undefined) return begin(settings, { hash: planHash(origin.text), from: 'file', fileHash }, origin);
  const { text, hash, from, of, revision } = ordered;
  const running = { text, name: `revision ${revision}` };
  const parsed = origin.parse(running);
  if (!parsed.ok) throw unfit(running.name, origin, parsed.problems);
  log.info('plan.kept', { revision, from, file: origin.name });
  const plan = { hash, from, ...(of === undefined ? {} : { of }), fileHash };
  return begin(parsed.settings, plan, running);
}

/** What a person put in force over the file as it is now; undefined: nothing, or it is not kept any more. */
function orderedPlan(mark: unknown, fileHash: string, book: PlanBook) {
  if (typeof mark !== 'object' || mark === null || !('revision' in mark) || !('fileHash' in mark)) return undefined;
  const plan = book.find(Number(mark.revision));
  return plan !== undefined && plan.from !== 'file' && mark.fileHash === fileHash ? plan : undefined;
}

/**
 * Whether the plan of a start gives other names to what lies under a rollback. While everything runs such a plan is refused; a
 * process that starts with it has nothing else to serve by, so the rollback is made one of everything.
 */
function slipAtStart(
  next: Settings,
  {
    origin,
    mark,
    state,
    book,
  }: {
    readonly origin: PlanOrigin;
    readonly mark: unknown;
    readonly state: ReadonlyMap<string, unknown>;
    readonly book: PlanBook;
  },
): string | undefined {
  const revision = typeof mark === 'object' && mark !== null && 'revision' in mark ? Number(mark.revision) : 0;
  const last = book.find(revision);
  if (last === undefined || ![...state.keys()].some((key) => key.startsWith('latch:'))) return undefined;
  const parsed = origin.parse({ text: last.text, name: `revision ${revision}` });
  if (!parsed.ok)
    return `the plan of before (revision ${revision}) cannot be read any more, so nobody can tell what its rollbacks cover`;
  const names = { before: planNaming(parsed.settings), after: planNaming(next) };
  if (JSON.stringify(names.before) === JSON.stringify(names.after)) return undefined;
  try {
    return slipsLatch(restoreState(state, tableBase(parsed.settings)), { base: tableBase(next) }, names)?.message;
  } catch (error) {
    // What is stored is damaged: the controller says so when it starts, and the last table is served.
    if (!isCutoverError(error)) throw error;
    return undefined;
  }
}

/** What the controllers of a fleet had in force last; undefined: the file is that, or one that none of them has had. */
function sharedPlan(mark: unknown, fileHash: string, book: PlanBook) {
  if (typeof mark !== 'object' || mark === null || !('revision' in mark)) return undefined;
  const plan = book.find(Number(mark.revision));
  if (plan === undefined || plan.hash === fileHash) return undefined;
  const wasInForce = book.list().some((earlier) => earlier.hash === fileHash || earlier.fileHash === fileHash);
  return wasInForce ? plan : undefined;
}

function unfit(name: string, origin: PlanOrigin, problems: readonly ConfigProblem[]): CutoverError {
  return new CutoverError('CONFIG_INVALID', problems.map(describeProblem).join('\n'), {
    hint: `${name} is in force by order of a person, over ${origin.name}. Mend this, or change ${origin.name}: a changed file counts instead.`,
  });
}

/** Those that made something of the settings, as far as they are there yet. */
export interface PlanFollowers {
  readonly catalog: EndpointCatalog;
  /** In the moment in which the plan comes into force, before the table does. */
  readonly withTable: readonly (() => void)[];
  /** Right after the table. */
  readonly afterTable: readonly (() => void)[];
}

/** The keeper of the plan, which tells everybody. */
export function startKeeper(parts: {
  readonly first: FirstPlan;
  readonly origin: PlanOrigin;
  readonly controller: Controller;
  readonly clock: Clock;
  readonly log: Log;
  readonly frozen: () => string | undefined;
  readonly followers: PlanFollowers;
  /** Told of the plan in force, now and whenever it changes. */
  readonly onPlan: (plan: { readonly hash: string; readonly text: string }) => void;
}): PlanKeeper {
  const { first, origin, controller, clock, log, frozen, followers, onPlan } = parts;
  if (first.running !== undefined && first.plan !== undefined)
    onPlan({ hash: first.plan.hash, text: first.running.text });
  const { live, book } = first;
  let listed = listing(live.current);
  return new PlanKeeper({
    origin,
    live,
    controller,
    book,
    clock,
    log,
    frozen,
    onPlan,
    settingsChanged: () => {
      const next = listing(live.current);
      // What is listed decides how requests are called: it changes together with the table, and only where it did.
      if (JSON.stringify(next) !== JSON.stringify(listed)) followers.catalog.relist(next);
      listed = next;
      for (const follow of followers.withTable) follow();
      queueMicrotask(() => {
        for (const follow of followers.afterTable) guarded(follow, log);
      });
    },
  });
}

function guarded(follow: () => void, log: Log): void {
  try {
    follow();
  } catch (error) {
    log.error('plan.fault', { message: String(error) });
  }
}

/** From here on a changed file is taken over by itself. Gives what ends that. */
export function watchPlan(
  keeper: PlanKeeper | undefined,
  origin: PlanOrigin | undefined,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): () => void {
  const file = origin?.file;
  if (keeper === undefined || origin === undefined || file === undefined) return () => undefined;
  const read = (): string | undefined => {
    const text = origin.read();
    return 'value' in text ? text.value : undefined;
  };
  const reload = (): void => {
    keeper.reload(false).catch((error: unknown) => log.error('plan.fault', { message: String(error) }));
  };
  const watch = new PlanWatch({ file, read, clock, log, onSettled: reload });
  // It may have changed while everything started.
  reload();
  return () => watch.close();
}

/** What the verifier goes by. */
export function verifierSettings({ compare, redact, mirror }: Settings): VerifierSettings {
  return { ...compare, redact, mirror };
}

/** What endpoints are called by name. */
export function listing({ endpoints, templates }: Settings): readonly { method: string; template: string }[] {
  return [...endpoints, ...templates].map(({ method, template }) => ({ method, template }));
}

/** Endpoints besides the listed and the found ones: `METHOD (other)` and the like. */
const SPARE_ENDPOINTS = 40;

/** How many cells and endpoints are told apart, by the settings as they are now. */
export function countLimits(settings: Settings): { readonly cells: number; readonly endpoints: number } {
  return {
    get cells() {
      return settings.limits.cells;
    },
    get endpoints() {
      const { endpoints, templates, limits } = settings;
      return endpoints.length + templates.length + limits.endpoints + SPARE_ENDPOINTS;
    },
  };
}
