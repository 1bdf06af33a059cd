import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { NOT_KEPT } from '../config/kept-text.ts';
import { describeProblem, type ParsedSettings, type Settings } from '../config/load.ts';
import { needsRestart } from '../config/restart.ts';
import type { Log } from '../core/ports.ts';
import type { PlanStanding, ToldPlan } from '../fleet/messages.ts';
import { codeOf, syncFolder, writeSynced } from '../store/state-dir.ts';
import type { LiveSettings } from './live-settings.ts';
import type { PlanText } from './plan-keeper.ts';

const FILE = 'fleet-plan.json';
const NAME = 'the plan of the fleet';
/** Longest trouble that is told. */
const MAX_TROUBLE = 500;

type Parse = (plan: PlanText) => ParsedSettings;

/** Settings to begin with, and the hash of the plan they are of; empty: of the process's own file. */
export interface BeginningPlan {
  readonly settings: Settings;
  readonly hash: string;
  /** True: the last table belongs to a plan that cannot be read any more; its names may mean something else here. */
  readonly isOther: boolean;
}

/**
 * What a proxy of a fleet begins with: the plan it was told last, as its disk has it, and its own configuration where there
 * is none, or one that does not fit any more.
 */
export async function beginningPlan(own: Settings, parse: Parse, log: Log): Promise<BeginningPlan> {
  const told = await readPlan(own.store.dir, log);
  if (told === undefined) return { settings: own, hash: '', isOther: false };
  const parsed = parse(forProxy(told.text));
  if (parsed.ok) return { settings: parsed.settings, hash: told.hash, isOther: false };
  log.error('plan.unfit', { problems: parsed.problems.map(describeProblem) });
  return { settings: own, hash: '', isOther: true };
}

export interface ProxyPlanOptions {
  readonly live: LiveSettings;
  /** Of what `live` holds. */
  readonly hash: string;
  /** Makes settings of a text, with what is this process's own. */
  readonly parse: Parse;
  readonly log: Log;
  /** Tells those that made something of the settings before. Must not throw. */
  readonly settingsChanged: () => void;
}

/** Keeps a proxy by the plan of its fleet: whole or not at all, and on its disk for the next start. */
export class ProxyPlan {
  readonly #options: ProxyPlanOptions;
  #standing: PlanStanding;
  #tried: string;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ProxyPlanOptions) {
    this.#options = options;
    this.#standing = { hash: options.hash, trouble: '' };
    this.#tried = options.hash;
  }

  get standing(): PlanStanding {
    return this.#standing;
  }

  /** Puts a plan in force before this returns, or says in `standing` why not. */
  take(told: ToldPlan): void {
    if (told.hash === this.#tried) return;
    this.#tried = told.hash;
    const { live, parse, log, settingsChanged } = this.#options;
    if (told.hash === this.#standing.hash) {
      // Back to what was never left.
      this.#standing = { hash: told.hash, trouble: '' };
      this.#keep(told);
      return;
    }
    const parsed = parse(forProxy(told.text));
    if (!parsed.ok) {
      this.#refuse(parsed.problems.map(describeProblem).join('; '));
      return;
    }
    // The next start begins with it, whether it can be taken over now or not.
    this.#keep(told);
    const fixed = needsRestart(live.current, parsed.settings).map((path) => path.join('.'));
    if (fixed.length > 0) {
      this.#refuse(`it changes what only a restart can change: ${fixed.join(', ')}. Restart this proxy.`);
      return;
    }
    live.replace(parsed.settings);
    this.#standing = { hash: told.hash, trouble: '' };
    settingsChanged();
    log.info('plan.taken', { hash: told.hash.slice(0, 12) });
  }

  /** Resolves when what was taken is on disk. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  #refuse(why: string): void {
    this.#standing = { hash: this.#standing.hash, trouble: why.slice(0, MAX_TROUBLE) };
    this.#options.log.error('plan.refused', { message: why });
  }

  #keep(told: ToldPlan): void {
    const { live, log } = this.#options;
    this.#turn = this.#turn
      .then(() => writePlan(live.current.store.dir, told))
      .catch((error: unknown) => log.warn('plan.not-kept', { message: String(error) }));
  }
}

/** Addresses of notices that are not told are needed by controllers alone; here something must stand for them. */
function forProxy(text: string): PlanText {
  return { text: text.replaceAll(NOT_KEPT, 'https://not-kept.invalid/'), name: NAME };
}

async function writePlan(dir: string, { hash, text }: ToldPlan): Promise<void> {
  const file = join(dir, FILE);
  await writeSynced(`${file}.new`, `${JSON.stringify({ hash, text } satisfies ToldPlan)}\n`);
  await rename(`${file}.new`, file);
  await syncFolder(dir);
}

async function readPlan(dir: string, log: Log): Promise<ToldPlan | undefined> {
  const file = join(dir, FILE);
  try {
    const read = JSON.parse(await readFile(file, 'utf8')) as Partial<ToldPlan> | null; // each field is checked
    if (typeof read?.hash === 'string' && typeof read.text === 'string') return { hash: read.hash, text: read.text };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
  }
  log.warn('fleet.state-unreadable', { file });
  return undefined;
}
