import { z } from 'zod';
import { closestHint, credentialName, message } from './fields.ts';
import { list, mapping } from './shapes.ts';

/** Most entries of `candidate.credentials.map`: services have one or two sessions and a few keys. */
const MAX_MAPPED = 32;
const WORDS = ['forward', 'strip'] as const;
const MAP_EXAMPLE = "{map: [{from: 'cookie:sid', to: 'cookie:session'}]}";

const ABOUT = 'Whether cookies and `Authorization` are sent. Answers made without them are never evidence.';

/** What becomes of credentials before the control, which gave them out under the names clients use. */
export function controlCredentials() {
  const hint = 'Clients know credentials by the names of the control; only those of the candidate can be mapped.';
  return z
    .enum(WORDS, {
      error: ({ input }) =>
        message('one of forward, strip', typeof input === 'object' ? hint : closestHint(input, WORDS)),
    })
    .meta({ title: 'forward or strip', description: ABOUT });
}

/** What becomes of credentials before the candidate: the same, or the names under which it knows them. */
export function candidateCredentials() {
  const expected = `forward, strip or ${MAP_EXAMPLE}`;
  const entry = mapping(
    {
      from: credentialName().meta({ description: 'As clients and the control call it.' }),
      to: credentialName().meta({
        description:
          'As the candidate calls it. Of a header that clients send under this name themselves nothing reaches the candidate.',
      }),
    },
    "a mapping such as {from: 'cookie:sid', to: 'cookie:session'}",
  );
  const map = mapping({
    map: list(entry, MAX_MAPPED, 1).meta({
      description:
        'Credentials the candidate gets, and under which names. `Authorization` and cookies that are not listed are not sent to it, and a request that carries one is no evidence. Cookies of the map that the candidate sets reach the client under `from`, its other cookies unchanged.',
    }),
  });
  return z.union([z.enum(WORDS), map], { error: ({ input }) => message(expected, closestHint(input, WORDS)) }).meta({
    title: 'forward, strip or a map',
    description: `${ABOUT} A \`map\` sends chosen ones under names of the candidate's own.`,
  });
}
