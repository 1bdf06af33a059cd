import { RE2JS } from 're2js';
import { AliasLens } from '../core/alias/alias-lens.ts';
import { AliasPlaces } from '../core/alias/alias-places.ts';
import type { AliasPair } from '../core/alias/pair.ts';
import type { EndpointId } from '../core/cell.ts';
import { type Causes, causesOf } from '../core/cluster/causes.ts';
import { RuleSet } from '../core/compare/account.ts';
import { Budget, BudgetSpent } from '../core/compare/budget.ts';
import { type Accounted, type Finding, Findings, type Place, type Value } from '../core/compare/finding.ts';
import { type Hosts, sameButHost } from '../core/compare/hosts.ts';
import { slownessOf } from '../core/compare/slowness.ts';
import { ORDERED, type WalkContext } from '../core/compare/walk.ts';
import { walkHeaders } from '../core/compare/walk-headers.ts';
import { NoiseBook, type NoiseContext, noiseKey } from '../core/noise/noise-book.ts';
import {
  type Answer,
  type CapturedRequest,
  type Exchange,
  headerValue,
  type Observation,
} from '../core/observation.ts';
import type { NoisePath } from '../core/ports.ts';
import type { ComparisonPolicy, NormaliseRule } from '../core/rule.ts';
import { gravity } from '../core/signature.ts';
import type { ComparisonResult, Difference } from '../core/verdict.ts';
import type { AlikeCount } from './alike-tally.ts';
import { EtagWatch } from './etag-watch.ts';
import { PlainAttempts } from './plain-attempts.ts';
import { difference } from './told-difference.ts';
import { type BodyOutcome, walkBodies } from './walk-bodies.ts';

export interface ComparerOptions {
  readonly policy: ComparisonPolicy;
  readonly limits: {
    /** Decoded size of one body. */
    readonly maxDecodedBytes: number;
    /** Per comparison; beyond it the verdict is `inconclusive`. */
    readonly timeoutMs: number;
  };
  /** Milliseconds that only grow; the process's own by default. */
  readonly monotonic?: () => number;
}

/** Nodes one comparison may visit: about four documents of the largest size that is parsed. */
const WORK_UNITS = 4_000_000;
/** Differences that are told one by one; the rest is counted. */
const MAX_DIFFERENCES = 200;

/** Bytes of an answer in which names are looked for; in a coded body none is found, and then its places are believed. */
const MAX_SEARCHED = 65_536;

type IsMoved = (difference: Difference) => boolean;
/** More than any gravity. */
const LAST = 100;

/**
 * Compares what two sides made of one request: decoded, parsed, aligned, with noise and rules taken into account.
 * Keeps what each endpoint's control–control pairs taught; never learns from the candidate. Never throws: a fault of its own is `inconclusive` (I11).
 */
export class Comparer {
  #policy: ComparisonPolicy;
  #limits: ComparerOptions['limits'];
  readonly #monotonic: () => number;
  readonly #patterns = new Map<string, RE2JS>();
  readonly #books = new Map<EndpointId, NoiseBook>();
  readonly #rules = new Map<EndpointId, RuleSet>();
  readonly #aliasPlaces = new Map<EndpointId, AliasPlaces>();
  readonly #etags = new Map<EndpointId, EtagWatch>();
  readonly #plainPages = new Map<EndpointId, PlainAttempts>();

  constructor(options: ComparerOptions) {
    this.#policy = options.policy;
    this.#limits = options.limits;
    this.#monotonic = options.monotonic ?? (() => performance.now());
    this.#compilePatterns();
  }

  /** Compares by other rules from here on; what was learned of noise stays. */
  follow({ policy, limits }: Pick<ComparerOptions, 'policy' | 'limits'>): void {
    this.#policy = policy;
    this.#limits = limits;
    this.#rules.clear();
    this.#compilePatterns();
  }

  #compilePatterns(): void {
    this.#patterns.clear();
    for (const rule of this.#policy.rules)
      if (rule.kind === 'normalise') this.#patterns.set(rule.name, RE2JS.compile(rule.pattern));
  }

  /**
   * The verdict on one exchange, with every difference and what accounts for it.
   *
   * @param isMoved Differences that lie where the control contradicts itself: they do not name the cause while another one can.
   * @param isCounted True once per exchange, for what the sides answered first: the pair counts in how often the candidate differs.
   */
  compare(exchange: Exchange, isMoved?: IsMoved, isCounted = false): ComparisonResult {
    try {
      return this.#compare(exchange, isMoved, isCounted, this.#lens(exchange));
    } catch (error) {
      return inconclusive(error instanceof BudgetSpent ? 'tooLarge' : 'fault');
    }
  }

  /** The same for an exchange that is met for the first time, with the names that it was the first to tell of its session. */
  compareFirst(exchange: Exchange): { readonly result: ComparisonResult; readonly fresh: readonly AliasPair[] } {
    try {
      const lens = this.#lens(exchange);
      const result = this.#compare(exchange, undefined, true, lens);
      return { result, fresh: lens?.fresh ?? [] };
    } catch (error) {
      return { result: inconclusive(error instanceof BudgetSpent ? 'tooLarge' : 'fault'), fresh: [] };
    }
  }

  /**
   * Learns from the same request answered twice by the control, `gapMs` apart. Pairs that cannot be compared teach nothing.
   * @param isChosen False where it was asked again because of what the candidate answered: such a pair teaches classes, not rates.
   */
  learn(
    endpoint: EndpointId,
    request: CapturedRequest,
    first: Observation,
    again: Observation,
    gapMs: number,
    at: number = Date.now(),
    isChosen = true,
  ): void {
    if (first.kind !== 'answer' || again.kind !== 'answer') return;
    try {
      const findings = new Findings();
      const outcome = this.#walk({ endpoint, request, control: first, candidate: again, at }, findings);
      if ((outcome !== 'equal' && outcome !== 'walked') || findings.overflowed || first.status !== again.status) return;
      // What a rule accounts for is no noise; a list that is picked anew still shows what it is picked from.
      const fresh = findings.list.filter(({ accounted }) => accounted === undefined || accounted.noise === 'pick');
      // A pair that agrees teaches too: what never drifts is no noise.
      const book = this.#book(endpoint);
      if (isChosen && first.status < 300) book.arms.countControl(keysOf(findings));
      book.learn(fresh, { at, gapMs, request });
    } catch {
      // A pair that cannot be compared teaches nothing; comparing such pairs says why.
    }
  }

  /** Counts pairs that were alike, and that nobody needed to compare. */
  countAlike({ endpoint, version, pairs }: AlikeCount): void {
    this.#book(endpoint).arms.countAlike(version, pairs);
  }

  /** What was learned of an endpoint, for people. */
  noise(endpoint: EndpointId): readonly NoisePath[] {
    return this.#books.get(endpoint)?.paths() ?? [];
  }

  /** What was learned of an endpoint, as JSON for `restore`. */
  snapshot(endpoint: EndpointId): unknown {
    return this.#books.get(endpoint)?.snapshot() ?? null;
  }

  restore(endpoint: EndpointId, snapshot: unknown): void {
    if (snapshot !== null && snapshot !== undefined) this.#book(endpoint).restore(snapshot);
  }

  #book(endpoint: EndpointId): NoiseBook {
    const known = this.#books.get(endpoint);
    if (known !== undefined) return known;
    const made = new NoiseBook();
    this.#books.set(endpoint, made);
    return made;
  }

  #etagWatch(endpoint: EndpointId): EtagWatch {
    const known = this.#etags.get(endpoint);
    if (known !== undefined) return known;
    const made = new EtagWatch();
    this.#etags.set(endpoint, made);
    return made;
  }

  #ruleSet(endpoint: EndpointId): RuleSet {
    const known = this.#rules.get(endpoint);
    if (known !== undefined) return known;
    const rewrite = (rule: NormaliseRule, text: string): string =>
      this.#patterns.get(rule.name)?.matcher(text).replaceAll(rule.replace) ?? text;
    const made = new RuleSet(this.#policy.rules, endpoint, rewrite);
    this.#rules.set(endpoint, made);
    return made;
  }

  #lens({ session, cell: { endpoint }, id, control }: Exchange): AliasLens | undefined {
    if (session === undefined) return undefined;
    let places = this.#aliasPlaces.get(endpoint);
    if (places === undefined) {
      places = new AliasPlaces();
      this.#aliasPlaces.set(endpoint, places);
    }
    const book = this.#book(endpoint);
    const template = endpoint.slice(endpoint.indexOf(' ') + 1);
    const head =
      control.kind === 'answer'
        ? Buffer.from(control.body.buffer, control.body.byteOffset, Math.min(control.body.length, MAX_SEARCHED))
        : undefined;
    return new AliasLens(session, {
      exchange: id,
      template,
      places,
      holds: (name) => head?.includes(name) ?? false,
      drifts: (finding) => book.drifts(finding),
    });
  }

  #compare(
    exchange: Exchange,
    isMoved: IsMoved | undefined,
    isCounted: boolean,
    lens: AliasLens | undefined,
  ): ComparisonResult {
    const { control, candidate } = exchange;
    const { endpoint } = exchange.cell;
    const isControlDown = control.kind === 'failure' || control.status >= 500;
    const isCandidateDown = candidate.kind === 'failure' || candidate.status >= 500;
    if (isControlDown && isCandidateDown) return inconclusive('bothFailed');
    if (control.kind === 'failure') return inconclusive('controlFailed');
    if (candidate.kind === 'failure') {
      return this.#judge(
        exchange,
        single({
          place: STATUS,
          kind: 'failure',
          control: statusValue(control),
          candidate: { type: 'text', text: candidate.failure },
        }),
        isMoved,
        lens,
      );
    }
    if (control.status >= 500) return inconclusive('controlFailed');
    if (control.status === 304 || candidate.status === 304) return inconclusive('notModified');
    if (control.status === 206 || candidate.status === 206) return inconclusive('partial');
    const findings = new Findings();
    const outcome = this.#walk({ endpoint, request: exchange.request, control, candidate, at: exchange.at }, findings);
    if (outcome === 'tooLarge' || outcome === 'unparsable' || outcome === 'streaming') return inconclusive(outcome);
    const isSeen = outcome !== 'prefix' && !findings.overflowed;
    if (isCounted && isSeen && control.status < 300 && control.status === candidate.status)
      this.#book(endpoint).arms.countCandidate(exchange.versions.candidate, keysOf(findings));
    if (lens !== undefined) cookiesOf(control, candidate, findings);
    const slowness = this.#policy.slowerThan === undefined ? undefined : slownessOf(exchange, this.#policy.slowerThan);
    if (slowness !== undefined) findings.add(slowness);
    const broken = this.#policy.headers.includes('etag')
      ? this.#etagWatch(endpoint).judge(exchange, isCounted)
      : undefined;
    if (broken !== undefined) findings.add(broken);
    const window = control.isOpen === true || candidate.isOpen === true ? ({ window: true } as const) : {};
    if (findings.count === 0 && outcome !== 'prefix') {
      return { verdict: 'match', differences: [], differenceCount: 0, identical: outcome === 'equal', ...window };
    }
    const result = { ...this.#judge(exchange, findings, isMoved, lens), ...window };
    // What lies beyond the captured part differs; the part that was seen must say whether that is noise, and cannot.
    return outcome === 'prefix' && result.verdict !== 'mismatch'
      ? { ...result, verdict: 'inconclusive', reason: 'tooLarge' }
      : result;
  }

  /**
   * Collects the differences of two answers, and tells what became of their bodies; where the status differs they are not looked at.
   */
  #walk(pair: AnswerPair, findings: Findings): BodyOutcome {
    const { control, candidate } = pair;
    if (control.status !== candidate.status) {
      const finding: Finding = {
        place: STATUS,
        kind: 'value',
        control: statusValue(control),
        candidate: statusValue(candidate),
      };
      findings.add(finding);
      // Another status is another answer: its headers and body differ because of it, and are no causes of their own.
      // Where a rule lets the status differ, the rest must still be the same.
      if (this.#ruleSet(pair.endpoint).account(finding, pair.at) === undefined) return 'walked';
    }
    walkHeaders(this.#policy.headers, control.headers, candidate.headers, clientHost(pair.request), findings);
    const { maxDecodedBytes } = this.#limits;
    return walkBodies(control, candidate, maxDecodedBytes, () => this.#context(pair.endpoint, findings));
  }

  #hosts(request: CapturedRequest): Hosts {
    const { control = [], candidate = [] } = this.#policy.hosts ?? {};
    return { client: clientHost(request), control, candidate };
  }

  #context(endpoint: EndpointId, findings: Findings): WalkContext {
    const deadline = this.#monotonic() + this.#limits.timeoutMs;
    const rules = this.#ruleSet(endpoint);
    const book = this.#books.get(endpoint);
    let plainPages = this.#plainPages.get(endpoint);
    if (plainPages === undefined) {
      plainPages = new PlainAttempts();
      this.#plainPages.set(endpoint, plainPages);
    }
    return {
      plainPages,
      budget: new Budget(WORK_UNITS, () => this.#monotonic() > deadline),
      findings,
      keyOrder: this.#policy.keyOrder,
      htmlComments: this.#policy.htmlComments === true,
      listMode: (pattern, path) => rules.listMode(path) ?? book?.listMode(pattern) ?? ORDERED,
    };
  }

  /** The verdict that findings make once noise and rules were asked. */
  #judge(
    exchange: Exchange,
    findings: Findings,
    isMoved: IsMoved | undefined,
    lens: AliasLens | undefined,
  ): ComparisonResult {
    const { endpoint } = exchange.cell;
    const context: NoiseContext = {
      at: exchange.at,
      gapMs: exchange.gapMs,
      exchange: exchange.id,
      request: exchange.request,
    };
    const book = this.#book(endpoint);
    const rules = this.#ruleSet(endpoint);
    const hosts = this.#hosts(exchange.request);
    const judged = findings.list.map((finding) => {
      const aliases = lens?.judge(finding);
      if (aliases === 'explained') return { finding, accounted: { noise: 'alias' } };
      if (aliases !== 'broken')
        return { finding, accounted: accountFor(finding, { book, rules, hosts }, context, exchange.at) };
      const { accounted: _, ...rest } = finding;
      const broken: Finding = { ...rest, kind: 'alias' };
      return { finding: broken, accounted: rules.account(broken, exchange.at) };
    });
    const open = judged
      .filter(({ accounted }) => accounted === undefined)
      .map(({ finding, accounted }) => {
        const hasMoved = isMoved?.(difference(finding, undefined)) === true;
        return { finding, accounted, rank: gravity(finding) + (hasMoved ? LAST : 0) };
      })
      .sort((a, b) => a.rank - b.rank);
    const passed = judged.filter(({ accounted }) => accounted !== undefined);
    const differences = [...open, ...passed]
      .slice(0, MAX_DIFFERENCES)
      .map(({ finding, accounted }) => difference(finding, accounted));
    const gravest = open[0];
    const base = { differences, differenceCount: findings.count, identical: false };
    if (gravest !== undefined) {
      // What lies where the control contradicts itself is a cause only while nothing else is.
      const named = gravest.rank < LAST ? open.filter(({ rank }) => rank < LAST) : open;
      return {
        ...base,
        verdict: 'mismatch',
        ...told(
          causesOf(
            endpoint,
            named.map((one) => one.finding),
          ),
        ),
      };
    }
    // More was found than kept: what was not looked at may speak against the candidate.
    if (findings.overflowed) return { ...base, verdict: 'inconclusive', reason: 'tooLarge' };
    return { ...base, verdict: passed.some(({ accounted }) => accounted?.ignored === true) ? 'ignored' : 'match' };
  }
}

interface AnswerPair {
  readonly endpoint: EndpointId;
  readonly request: CapturedRequest;
  readonly control: Answer;
  readonly candidate: Answer;
  /** When the client's request arrived. */
  readonly at: number;
}

const STATUS: Place = { path: 'status', pattern: 'status', name: 'status' };

interface Accounts {
  readonly book: NoiseBook;
  readonly rules: RuleSet;
  readonly hosts: Hosts;
}

/** Cookies are followed whatever headers are compared, and under another status as well. */
function cookiesOf(control: Answer, candidate: Answer, findings: Findings): void {
  if (findings.list.some(({ place }) => place.path === 'header:set-cookie')) return;
  const found = new Findings();
  walkHeaders(['set-cookie'], control.headers, candidate.headers, '', found);
  for (const finding of found.list) {
    const isValue = finding.kind === 'value' && finding.place.detail?.includes('/') === false;
    // Not compared: it is a name and nothing more, unless it turns out to be somebody else's.
    if (isValue) findings.add({ ...finding, accounted: finding.accounted ?? { noise: 'uncompared' } });
  }
}

/** Checks first: what passes one speaks for the candidate; what is only ignored does not. */
function accountFor(
  finding: Finding,
  { book, rules, hosts }: Accounts,
  context: NoiseContext,
  now: number,
): Accounted | undefined {
  if (finding.kind === 'failure' || finding.kind === 'timing' || finding.place.path === 'status')
    return finding.accounted ?? rules.account(finding, now);
  if (isOwnHost(finding, hosts)) return { noise: 'host' };
  const isPick = finding.accounted?.noise === 'pick' && finding.accounted.rule === undefined;
  const accounted = (isPick ? undefined : finding.accounted) ?? noiseOf(book.check(finding, context));
  const isFlagged = accounted?.noise !== undefined && book.arms.overrules(noiseKey(finding), accounted.noise);
  return accounted === undefined || isFlagged ? rules.account(finding, now) : accounted;
}

/** What differs by nothing but the name of the side that wrote it; it always does so, and the control never. */
function isOwnHost({ control, candidate }: Finding, hosts: Hosts): boolean {
  return control?.type === 'text' && candidate?.type === 'text' && sameButHost(control.text, candidate.text, hosts);
}

function noiseOf(noise: string | undefined): Accounted | undefined {
  return noise === undefined ? undefined : { noise };
}

/** Where a pair differs, by the paths noise is learned of. */
function keysOf(findings: Findings): ReadonlySet<string> {
  return new Set(findings.list.map(noiseKey));
}

function told({ signatures, more }: Causes): Pick<ComparisonResult, 'signature' | 'signatures' | 'moreCauses'> {
  const [gravest] = signatures;
  if (gravest === undefined) return {};
  return {
    signature: gravest,
    ...(signatures.length > 1 ? { signatures } : {}),
    ...(more ? { moreCauses: true } : {}),
  };
}

function clientHost(request: CapturedRequest): string {
  return headerValue(request.headers, 'host')?.toLowerCase() ?? '';
}

function single(finding: Finding): Findings {
  const findings = new Findings();
  findings.add(finding);
  return findings;
}

function inconclusive(reason: string): ComparisonResult {
  return { verdict: 'inconclusive', differences: [], differenceCount: 0, identical: false, reason };
}

function statusValue(answer: Answer): Value {
  return { type: 'number', text: String(answer.status) };
}
