import { createHash } from 'node:crypto';
import { keptText } from '../config/kept-text.ts';
import { type ConfigProblem, describeProblem, type ParsedSettings, type Settings } from '../config/load.ts';
import { restartFindings } from '../config/restart.ts';
import { planNaming, tableBase } from '../config/table-base.ts';
import type { Controller, Who } from '../controller/controller.ts';
import type { Rejected } from '../core/control-state.ts';
import { isCutoverError } from '../core/errors.ts';
import { type PlanGuard, planRefusal } from '../core/plan/guard.ts';
import type { PlanSource } from '../core/plan/plan-mark.ts';
import type { Clock, Log, Timer } from '../core/ports.ts';
import type { LiveSettings } from './live-settings.ts';
import type { PlanBook, StoredPlan } from './plan-book.ts';

/** A text that may become the plan. */
export interface PlanText {
  readonly text: string;
  /** What it is called in problems. */
  readonly name: string;
}

/** What the process was started with. */
export interface PlanOrigin extends PlanText {
  /** Absolute path of what is read anew; undefined where addresses were given instead of a file. */
  readonly file: string | undefined;
  /** Reads it again, or says why it cannot be read. */
  readonly read: () => { readonly value: string } | { readonly problem: string };
  /** Makes settings of a text, with the references it holds followed from the origin's folder. */
  readonly parse: (plan: PlanText) => ParsedSettings;
}

export interface PlanKeeperOptions {
  readonly origin: PlanOrigin;
  readonly live: LiveSettings;
  readonly controller: Pick<Controller, 'command' | 'state'>;
  readonly book: PlanBook;
  readonly clock: Clock;
  readonly log: Log;
  /** What is frozen now, as people read it; undefined: nothing. */
  readonly frozen: () => string | undefined;
  /** Tells those that made something of the settings before; the live settings are the new ones. Must not throw. */
  readonly settingsChanged: () => void;
  /** The plan as somebody wrote it, right before it comes into force. Must not throw. */
  readonly onPlan?: (plan: { readonly hash: string; readonly text: string }) => void;
}

/** What was refused, with all that is wrong where it is the text. */
export interface Refused extends Rejected {
  readonly problems: readonly ConfigProblem[];
}

export interface Taken {
  readonly ok: true;
  /** False: it is what runs already. */
  readonly isNew: boolean;
  readonly revision: number;
}

/** How the file stands to what runs. */
export type FileState = 'none' | 'inForce' | 'differs' | 'refused';

interface Order extends PlanText {
  readonly from: PlanSource;
  readonly of?: number;
  readonly who: Who;
  readonly ifRevision?: number;
}

/** After the store refused a plan of the file. */
const AGAIN_MS = 5_000;
/** Problems that one log line tells. */
const MAX_LOGGED = 20;

/** The hash by which a plan is known: SHA-256 of its text, 64 hex digits. */
export function planHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Keeps the plan: takes a changed file, an applied text or an earlier revision over while everything runs, whole or not at all (I9).
 * One after the other; a plan is kept and journaled before it is in force, and in force for table and parts in the same moment.
 */
export class PlanKeeper {
  readonly #options: PlanKeeperOptions;
  #tail: Promise<unknown> = Promise.resolve();
  #again: Timer | undefined;
  #fileHash: string;
  /** What is wrong with the file, since when; empty where nothing is. */
  #problems: readonly ConfigProblem[] = [];
  #gone: ConfigProblem | undefined;
  #refusedAt = 0;
  #logged = '';

  constructor(options: PlanKeeperOptions) {
    this.#options = options;
    this.#fileHash = options.origin.file === undefined ? '' : planHash(options.origin.text);
  }

  get problems(): { readonly at: number; readonly list: readonly ConfigProblem[] } {
    return { at: this.#refusedAt, list: this.#gone === undefined ? this.#problems : [this.#gone] };
  }

  get fileState(): FileState {
    if (this.#options.origin.file === undefined) return 'none';
    if (this.problems.list.length > 0) return 'refused';
    return this.#fileHash === this.#options.controller.state.plan?.hash ? 'inForce' : 'differs';
  }

  /** The plan that came into force with the start is kept, where it is not yet. Never rejects. */
  async started(running: PlanText): Promise<void> {
    const { controller, book, log } = this.#options;
    const mark = controller.state.plan;
    if (mark === undefined || book.find(mark.revision) !== undefined) return;
    try {
      await book.keep({ ...mark, name: running.name, text: keptText(running.text) });
    } catch (error) {
      // It runs all the same; only going back to it later is lost.
      log.warn('plan.not-kept', { revision: mark.revision, error: String(error) });
    }
  }

  /** Revisions that were in force, newest first. */
  revisions(): readonly StoredPlan[] {
    const newest = this.#options.controller.state.plan?.revision ?? 0;
    // One that was kept and then refused by the journal was never in force.
    return this.#options.book.list().filter((plan) => plan.revision <= newest);
  }

  /** Reads the file and takes it over if it is another one. `isAsked`: a person wants it, also where it is as before. */
  reload(isAsked: boolean): Promise<Taken | Refused> {
    return this.#inTurn(async () => {
      const { origin } = this.#options;
      if (origin.file === undefined) return refused('CONFLICT', NO_FILE);
      const read = origin.read();
      if ('problem' in read) {
        const gone = { file: origin.name, path: '', what: `the file ${read.problem}`, expectation: '' };
        return this.#refuse(refused('CONFIG_UNREADABLE', UNREADABLE, [gone]), gone);
      }
      // What was wrong with the text before it was gone still is.
      this.#gone = undefined;
      const hash = planHash(read.value);
      // Only its time changed, or it is back.
      if (!isAsked && hash === this.#fileHash) return this.#unchanged();
      this.#fileHash = hash;
      const who = { actor: 'config', reason: isAsked ? 'asked to read the file again' : '' };
      const outcome = await this.#take({ text: read.value, name: origin.name, from: 'file', who });
      if (!outcome.ok) return this.#refuse(outcome);
      this.#fileRight();
      return outcome;
    });
  }

  /** Puts a text in force that a person gave. */
  apply(plan: PlanText, who: Who, ifRevision?: number): Promise<Taken | Refused> {
    const order = { ...plan, from: 'apply', who, ...(ifRevision === undefined ? {} : { ifRevision }) } as const;
    return this.#inTurn(() => this.#take(order));
  }

  /** Puts the text of an earlier revision in force again, as a revision of its own. */
  revert(revision: number, who: Who): Promise<Taken | Refused> {
    return this.#inTurn(async () => {
      const known = this.revisions().find((plan) => plan.revision === revision);
      const present = this.#options.controller.state.plan?.revision;
      if (known === undefined) return refused('NOT_FOUND', noRevision(revision));
      if (revision === present) return refused('CONFLICT', inForceAlready(revision));
      return this.#take({ text: known.text, name: `revision ${revision}`, from: 'revert', of: revision, who });
    });
  }

  async #take(order: Order): Promise<Taken | Refused> {
    const { origin, live, controller, book, clock } = this.#options;
    const parsed = origin.parse(order);
    if (!parsed.ok) return refused('CONFIG_INVALID', wrong(order.name, parsed.problems.length), parsed.problems);
    const next = parsed.settings;
    const fixed = restartFindings(live.current, next).map(parsed.problemOf);
    if (fixed.length > 0) return refused('CONFLICT', restart(order.name, fixed), fixed);
    const mark = controller.state.plan;
    const hash = planHash(order.text);
    const isSame = mark?.hash === hash && JSON.stringify(next) === JSON.stringify(live.current);
    if (isSame && mark.fileHash === this.#fileHash) return this.#unchanged();
    const { from, of, who, ifRevision } = order;
    const plan = { hash, from, ...(of === undefined ? {} : { of }), fileHash: this.#fileHash };
    const guard = guardOf(live.current, next, this.#options.frozen());
    const command = { kind: 'config.load', base: tableBase(next), plan, guard } as const;
    // Asked once more when its turn comes; asked here, so that nothing is kept of what is refused.
    const refusal = planRefusal(controller.state, command);
    if (refusal !== undefined)
      return { ...refusal, message: `${order.name} was refused. ${refusal.message}`, problems: [] };
    try {
      if (mark?.hash !== hash) {
        const kept = { ...plan, revision: (mark?.revision ?? 0) + 1, at: clock.now(), ...who };
        await book.keep({ ...kept, name: order.name, text: keptText(order.text) });
      }
    } catch (error) {
      if (!isCutoverError(error)) throw error;
      return refused(error.code, { message: error.message, hint: error.hint ?? 'Mend the store and try again.' });
    }
    const done = await controller.command(ifRevision === undefined ? command : { ...command, ifRevision }, who, () =>
      this.#inForce(next, { hash, text: order.text }),
    );
    if (!done.ok) return { ...done, problems: [] };
    return { ok: true, isNew: !isSame, revision: controller.state.plan?.revision ?? 0 };
  }

  #inForce(next: Settings, plan: { readonly hash: string; readonly text: string }): void {
    const { live, log, settingsChanged, onPlan } = this.#options;
    live.replace(next);
    onPlan?.(plan);
    try {
      settingsChanged();
    } catch (error) {
      log.error('plan.fault', { message: error instanceof Error ? error.message : String(error) });
    }
  }

  #unchanged(): Taken {
    return { ok: true, isNew: false, revision: this.#options.controller.state.plan?.revision ?? 0 };
  }

  #fileRight(): void {
    const { log, controller } = this.#options;
    const mark = controller.state.plan;
    log.info('plan.taken', { revision: mark?.revision, hash: mark?.hash.slice(0, 12) });
    this.#problems = [];
    this.#logged = '';
  }

  #refuse(outcome: Refused, gone?: ConfigProblem): Refused {
    const { clock, log, origin } = this.#options;
    const { code, message, hint } = outcome;
    // Where the file is right and the store refuses it, it is tried again.
    if (outcome.problems.length === 0) this.#tryAgain();
    const problem = { file: origin.name, path: '', what: message, expectation: '' };
    this.#gone = gone;
    if (gone === undefined) this.#problems = outcome.problems.length === 0 ? [problem] : outcome.problems;
    this.#refusedAt = clock.now();
    const problems = this.problems.list.map(describeProblem);
    if (this.#logged !== problems.join('\n'))
      log.error('plan.refused', { file: origin.name, code, message, hint, problems: problems.slice(0, MAX_LOGGED) });
    this.#logged = problems.join('\n');
    return outcome;
  }

  #tryAgain(): void {
    this.#again?.cancel();
    this.#again = this.#options.clock.after(AGAIN_MS, () => void this.reload(true).catch(() => undefined));
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    this.#again?.cancel();
    await this.#tail;
    this.#again?.cancel();
  }
}

const NO_FILE = {
  message: 'There is no configuration file: the process was started with addresses.',
  hint: 'Start it with -c cutover.yaml, or use cutover apply.',
};
const UNREADABLE = {
  message: 'The configuration cannot be read.',
  hint: 'The plan in force goes on.',
};

/** What a plan is held against. */
export function guardOf(before: Settings, after: Settings, frozen: string | undefined): PlanGuard {
  const names = { before: planNaming(before), after: planNaming(after) };
  return frozen === undefined ? { names } : { names, frozen };
}

function wrong(name: string, count: number): { message: string; hint: string } {
  const what = count === 1 ? '1 problem' : `${count} problems`;
  return { message: `${name} has ${what}.`, hint: 'The plan in force goes on.' };
}

function restart(name: string, problems: readonly ConfigProblem[]): { message: string; hint: string } {
  const keys = problems.map(({ path }) => path).join(', ');
  return {
    message: `${name} was not applied, nothing of it: only a restart can change ${keys}.`,
    hint: 'A plan counts whole or not at all. Leave these keys as they were, or restart the process with it; cutover plan shows what the rest would do.',
  };
}

function noRevision(revision: number): { message: string; hint: string } {
  return {
    message: `There is no revision ${revision}, or no longer.`,
    hint: 'cutover revisions lists those there are.',
  };
}

function inForceAlready(revision: number): { message: string; hint: string } {
  return { message: `Revision ${revision} is in force already.`, hint: 'cutover revisions lists the others.' };
}

function refused(
  code: Rejected['code'],
  { message, hint }: { readonly message: string; readonly hint: string },
  problems: readonly ConfigProblem[] = [],
): Refused {
  return { ok: false, code, message, hint, problems };
}
