import type { z } from 'zod';
import { closestHint, HINT_MARK } from './fields.ts';
import type { Finding, Path } from './problem.ts';
import { describeValue, memberOf } from './problem.ts';
import { keysAt } from './schema-walk.ts';

/** What the schema finds wrong with `data`, in the words of its fields. */
export function schemaFindings(schema: z.ZodType, data: unknown): Finding[] {
  const parsed = schema.safeParse(data);
  if (parsed.success) return [];
  const findings = parsed.error.issues.flatMap((issue) => issueFindings(issue, { path: [], schema, data }));
  return findings.filter((finding) => !findings.some((other) => explains(other, finding)));
}

/** A mapping is often wrong only because of something in it. */
function explains(inner: Finding, outer: Finding): boolean {
  return (
    outer.what === 'is a mapping' &&
    inner.path.length > outer.path.length &&
    outer.path.every((step, index) => step === inner.path[index])
  );
}

interface Context {
  /** Where the issue's own path begins. */
  readonly path: Path;
  readonly schema: z.ZodType;
  readonly data: unknown;
}

function issueFindings(issue: z.core.$ZodIssue, context: Context): Finding[] {
  const path = [...context.path, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], keysAt(context.schema, path) ?? []));
  }
  if (issue.code === 'invalid_key') {
    const [inner] = issue.issues;
    const what = 'is not a name that can be used here';
    return [{ path, part: 'key', what, ...expectation(inner?.message ?? '') }];
  }
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((branch) => branch.length > 0 && branch.every(isInside));
    if (meant !== undefined) return meant.flatMap((inner) => issueFindings(inner, { ...context, path }));
  }
  const value = path.reduce(memberOf, context.data);
  const part = value === undefined ? 'key' : 'value';
  const hint = value === null ? { hint: 'Remove the key, or give it a value.' } : {};
  return [{ path, part, what: describeValue(path, value), ...hint, ...expectation(issue.message) }];
}

/** Whether an issue lies inside a value whose own type fits: then its branch of the union was meant. */
function isInside(issue: z.core.$ZodIssue): boolean {
  return issue.path.length > 0 || issue.code === 'unrecognized_keys' || issue.code === 'custom' || nestedInside(issue);
}

function nestedInside(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_union' && issue.errors.some((branch) => branch.length > 0 && branch.every(isInside));
}

function unknownKey(path: Path, known: readonly string[]): Finding {
  const key = path.at(-1);
  const hint = closestHint(key, known);
  const expected = known.length === 0 ? 'no key' : `one of ${known.join(', ')}`;
  return { path, part: 'key', what: 'is not a known key', expected, ...(hint === undefined ? {} : { hint }) };
}

function expectation(message: string): { expected: string; hint?: string } {
  const [expected = '', ...hint] = message.split(HINT_MARK);
  return hint.length === 0 ? { expected } : { expected, hint: hint.join(' ') };
}

/** Keys whose values may hold `${…}` for a reason of their own: patterns and what replaces them. */
const OWN_DOLLAR: readonly string[] = ['pattern', 'replace', 'acts', 'reason'];
/** Keys whose values may run over several lines. */
const PROSE: readonly string[] = ['reason', 'pattern', 'replace'];

/**
 * What is wrong with texts wherever they are: control characters, and variables that nobody fills in.
 * The data is a tree of bounded depth; the reader of the file saw to that.
 */
export function textFindings(data: unknown, path: Path = []): Finding[] {
  if (typeof data === 'string') return textFinding(data, path);
  if (Array.isArray(data)) return data.flatMap((element, index) => textFindings(element, [...path, index]));
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(data).flatMap(([key, value]) => [
    ...keyFinding([...path, key], key),
    ...textFindings(value, [...path, key]),
  ]);
}

function textFinding(text: string, path: Path): Finding[] {
  const control = controlCharacter(
    text,
    path.some((step) => PROSE.includes(String(step))),
  );
  if (control !== undefined) {
    return [{ path, what: `holds the control character ${control}`, expected: 'text without control characters' }];
  }
  if (!/\$\{[A-Za-z_]/.test(text) || path.some((step) => OWN_DOLLAR.includes(String(step)))) return [];
  const isSecret = path[0] === 'trust';
  return [
    {
      path,
      what: 'looks like a variable, which is not filled in',
      expected: 'the value itself',
      hint: isSecret
        ? 'Write tokenSecret: {env: NAME}.'
        : 'Variables are not supported, so that the file says what runs; let your deployment write the file.',
    },
  ];
}

function keyFinding(path: Path, key: string): Finding[] {
  const control = controlCharacter(key, false);
  const expected = 'text without control characters';
  return control === undefined ? [] : [{ path, part: 'key', what: `holds the control character ${control}`, expected }];
}

function controlCharacter(text: string, mayBreak: boolean): string | undefined {
  for (const character of text) {
    const isBreak = character === '\n' || character === '\t' || character === '\r';
    if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(character) && !(isBreak && mayBreak)) {
      return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
    }
  }
  return undefined;
}
