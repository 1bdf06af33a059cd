import type { Answer } from '../observation.ts';
import { headerValue, headerValues } from '../observation.ts';
import { editable, withBody, withHeader, withoutHeader } from './answer-edit.ts';
import { firstOf, type Mutator, type Planted, type Random } from './mutator.ts';
import { encodeUtf8 } from './utf8.ts';

function mutator(name: string, fault: string, plant: (answer: Answer, random: Random) => Planted | undefined): Mutator {
  return { name, fault, plant };
}

const ERROR_PAGE = '{"error":"not found"}';

function statusMutator(status: number, fault: string): Mutator {
  return mutator(`status-${status}`, fault, (answer) => {
    if (answer.status === status) return undefined;
    const body = status === 204 ? new Uint8Array() : encodeUtf8(ERROR_PAGE);
    return { answer: { ...withBody(answer, body), status }, path: 'status' };
  });
}

function headerLost(name: string): Mutator {
  return mutator(`${name}-lost`, `The header ${name} is missing.`, (answer) =>
    headerValue(answer.headers, name) === undefined
      ? undefined
      : { answer: withoutHeader(answer, name), path: `header:${name}` },
  );
}

const FLAGS = ['Secure', 'HttpOnly', 'SameSite'];

/** The flag's text with the semicolon before it, inside one `Set-Cookie`. */
function flagPattern(flag: string): RegExp {
  return new RegExp(`;\\s*${flag}(=[^;]*)?(?=;|$)`, 'i');
}

function cookieFlagLost(answer: Answer, random: Random): Planted | undefined {
  return firstOf(headerValues(answer.headers, 'set-cookie'), random, (cookie) =>
    firstOf(FLAGS, random, (flag) => {
      const without = cookie.replace(flagPattern(flag), '');
      if (without === cookie) return undefined;
      const changed = withHeader(answer, 'set-cookie', (value) => (value === cookie ? without : value));
      const name = cookie.slice(0, cookie.indexOf('=')).trim();
      return changed && { answer: changed, path: `header:set-cookie/${name}/${flag.toLowerCase()}` };
    }),
  );
}

/** The shorter body ends inside a value more often than between two; either way something is missing. */
function truncated(answer: Answer, random: Random): Planted | undefined {
  const body = editable(answer);
  const text = body?.text.trimEnd() ?? '';
  if (text.length < 2) return undefined;
  const cut = Math.max(1, Math.floor(text.length * (0.2 + 0.7 * random())));
  return { answer: withBody(answer, text.slice(0, cut)), path: 'body' };
}

/** Faults of the answer as a whole: its status, its headers, its body as such. */
export const ANSWER_FAULTS: readonly Mutator[] = [
  statusMutator(404, 'The answer is a 404.'),
  statusMutator(500, 'The answer is a 500.'),
  statusMutator(204, 'The answer is a 204 without body.'),
  headerLost('cache-control'),
  headerLost('vary'),
  mutator('cookie-flag-lost', 'A cookie has lost Secure, HttpOnly or SameSite.', cookieFlagLost),
  mutator('wrong-content-type', 'The content type is another one.', (answer) => {
    const type = headerValue(answer.headers, 'content-type');
    if (type === undefined) return undefined;
    const other = type.startsWith('text/plain') ? 'application/octet-stream' : 'text/plain';
    const changed = withHeader(answer, 'content-type', () => other);
    return changed && { answer: changed, path: 'header:content-type' };
  }),
  mutator('empty-body', 'The answer is a 200 with nothing in it.', (answer) =>
    answer.body.length === 0 ? undefined : { answer: withBody(answer, new Uint8Array()), path: 'body' },
  ),
  mutator('body-truncated', 'The body ends too early, though its length is right.', truncated),
  mutator('wrong-content-encoding', 'The body is plain, and the header says gzip.', (answer) => {
    if (answer.body.length === 0 || headerValue(answer.headers, 'content-encoding') !== undefined) return undefined;
    return { answer: { ...answer, headers: [...answer.headers, ['Content-Encoding', 'gzip']] }, path: 'body' };
  }),
  mutator('timeout', 'There is no answer in time.', (answer) => ({
    answer: { kind: 'failure', failure: 'timeout', durationMs: answer.durationMs },
    path: 'status',
  })),
];
