import type { Finding } from '../compare/finding.ts';
import type { SessionAliases } from '../observation.ts';
import { AliasBook } from './alias-book.ts';
import type { AliasPlaces } from './alias-places.ts';
import { findPairs } from './find-pairs.ts';
import { type AliasPair, aliasKey } from './pair.ts';

/** New pairs told of one exchange; the rest is told by the next one. */
const MAX_FRESH = 256;

/** What a lens needs besides the session. */
export interface LensContext {
  /** Names the exchange, so that comparing it again counts once. */
  readonly exchange: string;
  /** Path of the endpoint. */
  readonly template: string;
  readonly places: AliasPlaces;
  /** Whether an answer has something of this name. */
  readonly holds: (name: string) => boolean;
  /** Whether the control itself changes what stands there whenever it is asked. */
  readonly drifts: (finding: Finding) => boolean;
}

/** Two answers of a session, seen modulo the names that either side gave. */
export class AliasLens {
  /** What these answers told for the first time. */
  readonly fresh: AliasPair[] = [];
  readonly #context: LensContext;
  readonly #book = new AliasBook();
  readonly #broken: ReadonlySet<string>;

  constructor(session: SessionAliases, context: LensContext) {
    this.#context = context;
    for (const pair of session.pairs) this.#book.learn(pair);
    this.#broken = new Set(session.broken.map(keyOfPair));
    context.places.compared(context.exchange, context.holds);
  }

  /**
   * `explained`: all that differs are two names of one thing, now and before. `broken`: a name stands for two things, which is
   * how somebody else's data looks. Undefined: aliases have nothing to say.
   */
  judge(finding: Finding): 'explained' | 'broken' | undefined {
    const found = findPairs(finding, this.#context.template);
    if (found === undefined) return undefined;
    const drifts = this.#context.drifts(finding);
    const pairs = drifts ? found.pairs.map(unchecked) : found.pairs;
    const all = [...pairs, ...found.mustBeKnown];
    if (all.some((pair) => this.#isBroken(pair))) return 'broken';
    const { place } = finding;
    const mayLearn = this.#context.places.differs(
      this.#context.exchange,
      `${place.pattern} ${place.detail ?? ''}`,
      place.name,
    );
    const unknown = pairs.filter((pair) => this.#book.check(pair) !== 'known');
    if (found.mustBeKnown.some((pair) => this.#book.check(pair) !== 'known')) return undefined;
    if (unknown.length === 0) return 'explained';
    // What the control picks anew each time names nothing, unless a client is to send it back.
    const isPicked = drifts && found.pairs.some(({ check }) => check === 'always');
    if (!mayLearn || isPicked || unknown.length + this.fresh.length > MAX_FRESH) return undefined;
    for (const pair of unknown) {
      if (this.#book.learn(pair) === 'broken') return 'broken';
      this.fresh.push(pair);
    }
    return 'explained';
  }

  #isBroken(pair: AliasPair): boolean {
    return this.#broken.has(keyOfPair(pair)) || this.#book.check(pair) === 'broken';
  }
}

function unchecked(pair: AliasPair): AliasPair {
  return pair.check === 'always' ? { ...pair, check: 'never' } : pair;
}

function keyOfPair({ kind, control, candidate }: AliasPair): string {
  return `${aliasKey('control', kind, control)}\n${candidate}`;
}
