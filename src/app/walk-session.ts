import type { Mismatch } from '../api/types.ts';
import { type HeaderList, headerValues, type Observation } from '../core/observation.ts';
import type { StoredRequest } from '../core/ports.ts';
import { answerValues, type ChainLink, cookiesOf, withValues } from '../core/session-chain.ts';
import { readableText } from '../verifier/decode.ts';
import { restoreRequest } from './restore-request.ts';

/** How one side is asked. */
export type AskSide = (request: ReturnType<typeof restoreRequest>['request']) => Promise<Observation>;

/** One request of a session as one side got it, and what it answered. */
export interface Walked {
  readonly request: ReturnType<typeof restoreRequest>['request'];
  readonly observation: Observation;
  /** Secrets that neither the session nor the caller gave. */
  readonly missing: readonly string[];
  /** Values of its answer by place. */
  readonly values: ReadonlyMap<string, string>;
  /** Places that this side's answers did not have. */
  readonly lost: readonly string[];
}

/** Bodies that values are taken from. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/**
 * Asks one side for every step and then for the mismatch's own request, in order. Cookies are those that this side set,
 * and what an earlier answer told is taken from this side's own answer, at the same place. Gives all of them, the last at the end.
 */
export async function walkSession(
  mismatch: Pick<Mismatch, 'request' | 'session'>,
  credentials: ReadonlyMap<string, string>,
  ask: AskSide,
): Promise<readonly Walked[]> {
  const { steps = [], links = [] } = mismatch.session ?? {};
  const jar = new Map<string, string>();
  const walked: Walked[] = [];
  for (const step of [...steps, { request: mismatch.request, links }]) {
    const { request, missing, lost } = fill(step.request, step.links, { walked, jar, credentials });
    const observation = await ask(request);
    if (observation.kind === 'answer') keepCookies(observation.headers, jar);
    walked.push({ request, observation, missing, lost, values: valuesOf(observation) });
  }
  return walked;
}

interface Known {
  readonly walked: readonly Walked[];
  readonly jar: ReadonlyMap<string, string>;
  readonly credentials: ReadonlyMap<string, string>;
}

function fill(
  stored: StoredRequest,
  links: readonly ChainLink[],
  { walked, jar, credentials }: Known,
): Pick<Walked, 'request' | 'missing' | 'lost'> {
  const values = new Map<string, string>();
  const lost: string[] = [];
  for (const { step, from, to } of links) {
    const value = walked[step]?.values.get(from);
    if (value !== undefined) values.set(to, value);
    else if (!to.startsWith('cookie:') || !jar.has(to.slice('cookie:'.length)))
      lost.push(`${from} of step ${step + 1}`);
  }
  const filled = withCookies(withValues(stored, values), jar);
  const secrets = stored.secrets.filter((name) => !isFilled(name, values, jar));
  const { request, missing } = restoreRequest({ ...filled, secrets }, credentials);
  // What this side codes, nobody here could read values from.
  const headers = request.headers.filter(([name]) => name.toLowerCase() !== 'accept-encoding');
  return { request: { ...request, headers }, missing, lost };
}

function isFilled(name: string, values: ReadonlyMap<string, string>, jar: ReadonlyMap<string, string>): boolean {
  if (name.startsWith('cookie:')) return jar.has(name.slice('cookie:'.length));
  if (name.startsWith('path:')) return [...values.keys()].some((place) => place.startsWith('path/'));
  return values.has(name);
}

function withCookies(request: StoredRequest, jar: ReadonlyMap<string, string>): StoredRequest {
  const headers = request.headers.map(([name, value]): readonly [string, string] => {
    if (name.toLowerCase() !== 'cookie') return [name, value];
    return [
      name,
      cookiesOf(value)
        .map(([cookie, old]) => `${cookie}=${jar.get(cookie) ?? old}`)
        .join('; '),
    ];
  });
  return { ...request, headers };
}

/** Cookies this side set; one that it takes back (an empty value, or an age that is over) is gone. */
function keepCookies(headers: HeaderList, jar: Map<string, string>): void {
  for (const line of headerValues(headers, 'set-cookie')) {
    const [pair = '', ...attributes] = line.split(';');
    const [cookie] = cookiesOf(pair);
    if (cookie === undefined) continue;
    const isOver = attributes.some((attribute) => /^\s*max-age\s*=\s*(?:0|-\d+)\s*$/i.test(attribute));
    if (isOver || cookie[1] === '') jar.delete(cookie[0]);
    else jar.set(cookie[0], cookie[1]);
  }
}

function valuesOf(observation: Observation): ReadonlyMap<string, string> {
  if (observation.kind === 'failure') return new Map();
  return answerValues(observation.headers, readableText(observation.headers, observation.body, MAX_BODY_BYTES));
}

/** Names so short are found everywhere by accident. */
const SHORTEST_ALIAS = 4;

/**
 * The candidate's last answer with the names that it gave to things in this session, where the control gave others:
 * those at the places that the session's links name. What is left then differs for another reason.
 */
export function underControlNames(
  control: readonly Walked[],
  candidate: readonly Walked[],
  session: Mismatch['session'],
): Observation {
  const last = candidate.at(-1)?.observation ?? { kind: 'failure', failure: 'reset', durationMs: 0 };
  if (last.kind === 'failure' || session === undefined) return last;
  const names = new Map<string, string>();
  for (const { step, from } of [...session.steps.flatMap(({ links }) => links), ...session.links]) {
    const [mine, theirs] = [control[step]?.values.get(from), candidate[step]?.values.get(from)];
    if (mine !== undefined && theirs !== undefined && mine !== theirs && theirs.length >= SHORTEST_ALIAS)
      names.set(theirs, mine);
  }
  const text = names.size === 0 ? undefined : readableText(last.headers, last.body, MAX_BODY_BYTES);
  if (text === undefined) return last;
  const rename = (from: string): string =>
    [...names].reduce((out, [theirs, mine]) => out.replaceAll(theirs, mine), from);
  const body = Buffer.from(rename(text), 'utf8');
  const headers = last.headers
    .filter(([name]) => !/^content-(?:encoding|length)$/i.test(name))
    .map(([name, value]): readonly [string, string] => [name, rename(value)]);
  return { ...last, headers, body, bodyBytes: body.length };
}
