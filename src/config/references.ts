import { z } from 'zod';
import type { Source } from '../core/identity.ts';
import { claimName, closestHint, cookieName, count, filePath, headerName, message, tenant } from './fields.ts';

/** Where a secret lies. The secret itself is never written into the file, so it is never shown from there. */
export type SecretReference =
  | { readonly env: string; readonly file?: never }
  | { readonly file: string; readonly env?: never };

/** `{env: NAME}` or `{file: path}`. */
export function secretReference() {
  const expected = 'a reference: {env: NAME} or {file: path}';
  const fields = z
    .strictObject(
      {
        env: z
          .string({ error: 'the name of an environment variable' })
          .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, { error: 'the name of an environment variable' })
          .exactOptional()
          .meta({ title: 'name', description: 'Environment variable that holds the secret.' }),
        file: filePath().exactOptional().meta({ description: 'File that holds the secret, relative to this file.' }),
      },
      { error: message(expected, 'Secrets are never written into the configuration itself.') },
    )
    .transform((fields, context): SecretReference => {
      if (fields.env !== undefined && fields.file === undefined) return { env: fields.env };
      if (fields.file !== undefined && fields.env === undefined) return { file: fields.file };
      context.addIssue({ code: 'custom', message: message(expected, 'Give exactly one of the two.') });
      return z.NEVER;
    });
  return fields.meta({ title: 'reference' });
}

/** Most sources tried for one name. */
const MAX_SOURCES = 8;

/** One source or a list of them; `words` are the sources that need no name. */
export function identitySources<const T extends readonly ['host', ...string[]]>(words: T) {
  const shape = '{header: name}, {cookie: name}, {claim: name}, {pathSegment: 1} or {constant: name}';
  const expected = `${words.join(', ')}, ${shape}, or a list of these`;
  const error = (issue: { readonly input: unknown }) => message(expected, closestHint(issue.input, words));
  const one = z.union([z.enum(words, { error }), namedSource(expected)], { error });
  const several = z
    .array(one, { error: expected })
    .min(1, { error: expected })
    .max(MAX_SOURCES, { error: `at most ${MAX_SOURCES} sources` });
  return z
    .union([one, several], { error })
    .transform((given): readonly Source[] => (Array.isArray(given) ? given : [given]).map(asSource))
    .meta({ title: 'source or list' });
}

type NamedSource = Exclude<Source, { readonly from: 'host' | 'address' }>;

function asSource(given: string | NamedSource): Source {
  if (typeof given !== 'string') return given;
  return given === 'address' ? { from: 'address' } : { from: 'host' };
}

function namedSource(expected: string) {
  return z
    .strictObject(
      {
        header: headerName().exactOptional().meta({ description: 'The value of a request header.' }),
        cookie: cookieName().exactOptional().meta({ description: 'The value of a cookie.' }),
        claim: claimName().exactOptional().meta({
          description:
            'A claim of the JSON Web Token in `Authorization: Bearer`, or, with `header` or `cookie` beside it, in that one; nested ones by dots: `org.id`. A text or whole number up to 128 characters. The token is not verified: it says who a request claims to be, as a plain header would; both sides verify it. A token that cannot be read, or lacks the claim, counts as none, and the next source is asked.',
        }),
        pathSegment: count(1, 32).exactOptional().meta({ description: 'A segment of the path; 1 is the first.' }),
        constant: tenant().exactOptional().meta({ description: 'One name for everything.' }),
      },
      { error: expected },
    )
    .transform((fields, context): NamedSource => {
      const found = namedSources(fields);
      const [only] = found;
      if (only !== undefined && found.length === 1) return only;
      context.addIssue({ code: 'custom', message: message(expected, 'Give exactly one; list several in brackets.') });
      return z.NEVER;
    });
}

function namedSources(fields: {
  readonly header?: string;
  readonly cookie?: string;
  readonly claim?: string;
  readonly pathSegment?: number;
  readonly constant?: string;
}): NamedSource[] {
  const { claim, header, cookie } = fields;
  const found: NamedSource[] = [];
  // Beside a claim, header and cookie only say where the token is.
  if (claim !== undefined && cookie !== undefined) found.push({ from: 'claim', claim, cookie });
  else if (claim !== undefined) found.push({ from: 'claim', claim, header: header ?? 'authorization' });
  if (header !== undefined && (claim === undefined || cookie !== undefined))
    found.push({ from: 'header', name: header });
  if (cookie !== undefined && claim === undefined) found.push({ from: 'cookie', name: cookie });
  if (fields.pathSegment !== undefined) found.push({ from: 'pathSegment', index: fields.pathSegment });
  if (fields.constant !== undefined) found.push({ from: 'constant', value: fields.constant });
  return found;
}
