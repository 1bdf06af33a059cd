import { isCutoverError } from '../core/errors.ts';
import type { PlanMark, PlanSource } from '../core/plan/plan-mark.ts';
import type { Store } from '../core/ports.ts';

/** A plan as it is kept: its text, and who made it the plan in force. */
export interface StoredPlan extends PlanMark {
  /** What the text was called: the file, or what `cutover apply` named. */
  readonly name: string;
  /** Secrets are references; addresses of notices that may be secrets are marks. */
  readonly text: string;
}

/** Plans kept; the oldest go first. */
export const MAX_PLANS = 200;
/** Characters of all texts together: usual plans have a few thousand, and they are held in memory too. */
const MAX_CHARACTERS = 16 * 1_048_576;
const KIND = 'plan';

/**
 * The plans that were in force, by revision: in the store, and all in memory, for they are few.
 * Their texts are written before a plan comes into force; where that fails, it does not.
 */
export class PlanBook {
  readonly #store: Pick<Store, 'saveDocuments'>;
  readonly #plans = new Map<number, StoredPlan>();
  #characters = 0;

  constructor(store: Pick<Store, 'saveDocuments'>, saved: ReadonlyMap<string, unknown>) {
    this.#store = store;
    const plans = [...saved.values()].flatMap((value) => storedPlan(value) ?? []);
    for (const plan of plans.sort((a, b) => a.revision - b.revision)) this.#add(plan);
  }

  /** Newest first. */
  list(): readonly StoredPlan[] {
    return [...this.#plans.values()].reverse();
  }

  find(revision: number): StoredPlan | undefined {
    return this.#plans.get(revision);
  }

  /** The one before a revision, of those that are kept. */
  before(revision: number): StoredPlan | undefined {
    return this.list().find((plan) => plan.revision < revision);
  }

  /** Keeps a plan, on disk when this resolves. @throws CutoverError STORE_* */
  async keep(plan: StoredPlan): Promise<void> {
    const gone = this.#surplus(plan);
    const removed = gone.map((revision) => ({ key: String(revision), value: undefined }));
    await this.#store.saveDocuments(KIND, [{ key: String(plan.revision), value: plan }, ...removed]);
    for (const revision of gone) this.#forget(revision);
    this.#add(plan);
  }

  #add(plan: StoredPlan): void {
    this.#forget(plan.revision);
    this.#plans.set(plan.revision, plan);
    this.#characters += plan.text.length;
  }

  #forget(revision: number): void {
    this.#characters -= this.#plans.get(revision)?.text.length ?? 0;
    this.#plans.delete(revision);
  }

  /** Revisions that must go so that there is room for one more; the newest always stays. */
  #surplus(plan: StoredPlan): number[] {
    const gone: number[] = [];
    let characters = this.#characters + plan.text.length;
    let count = this.#plans.size + (this.#plans.has(plan.revision) ? 0 : 1);
    for (const { revision, text } of [...this.#plans.values()].slice(0, -1)) {
      if (count <= MAX_PLANS && characters <= MAX_CHARACTERS) break;
      gone.push(revision);
      count -= 1;
      characters -= text.length;
    }
    return gone;
  }
}

/** The plans an earlier run kept; none where the store is in trouble: it serves by the file then. */
export async function loadPlans(store: Pick<Store, 'loadDocuments' | 'loadState'>): Promise<{
  readonly documents: ReadonlyMap<string, unknown>;
  /** Which was in force last, as it was stored; not checked. */
  readonly mark: unknown;
  /** Everything of the control state, as it was stored. */
  readonly state: ReadonlyMap<string, unknown>;
}> {
  try {
    const [documents, state] = await Promise.all([store.loadDocuments(KIND), store.loadState()]);
    return { documents, mark: state.get('plan'), state };
  } catch (error) {
    if (!isCutoverError(error)) throw error;
    return { documents: new Map(), mark: undefined, state: new Map() };
  }
}

/** A stored plan, or undefined where a document is not of its form: losing one costs going back to it. */
function storedPlan(value: unknown): StoredPlan | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const plan = value as Readonly<Record<keyof StoredPlan, unknown>>; // each field is checked
  const texts = [plan.hash, plan.fileHash, plan.actor, plan.reason, plan.name, plan.text];
  if (!texts.every((text) => typeof text === 'string')) return undefined;
  if (!Number.isSafeInteger(plan.revision) || typeof plan.at !== 'number') return undefined;
  if (!['file', 'apply', 'revert'].includes(plan.from as PlanSource)) return undefined;
  return value as StoredPlan; // all its fields were checked
}
