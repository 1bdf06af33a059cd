import { closeSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Finding, Path } from './problem.ts';
import type { SecretReference } from './references.ts';

/** Shortest secret: 32 characters of base64 are 192 bits, of hexadecimal digits 128. */
const MIN_SECRET = 32;
/** Longest secret that is read. */
const MAX_SECRET_BYTES = 4_096;

/** Where references lead: the environment, and the folder of the configuration file. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly baseDir: string;
}

/** A value from outside the file, or what is wrong with it. Findings name the reference, never what it led to. */
export type Fetched<T> = { readonly value: T } | { readonly finding: Finding };

/** Follows a reference to a secret. A line break at the end of a file does not belong to it. */
export function fetchSecret(reference: SecretReference, path: Path, around: Surroundings): Fetched<string> {
  const expected = `a secret of at least ${MIN_SECRET} characters`;
  const text = fetchText(reference, path, { around, expected });
  if ('finding' in text) return text;
  return longEnough(text.value, [...path, reference.env === undefined ? 'file' : 'env'], expected);
}

/** The text a reference leads to, however short. A line break at the end of a file does not belong to it. */
export function fetchText(
  reference: SecretReference,
  path: Path,
  { around, expected }: { readonly around: Surroundings; readonly expected: string },
): Fetched<string> {
  if (reference.env !== undefined) {
    const value = around.env[reference.env];
    // Not even the name is repeated: somebody may have written the secret in its place.
    if (value !== undefined && value !== '') return { value };
    return { finding: { path: [...path, 'env'], what: 'names an environment variable that is not set', expected } };
  }
  const text = readSmallFile(resolve(around.baseDir, reference.file), MAX_SECRET_BYTES);
  if ('value' in text) return { value: text.value.replace(/\r?\n$/, '') };
  return { finding: { path: [...path, 'file'], what: `names a file that ${text.problem}`, expected } };
}

function longEnough(value: string, path: Path, expected: string): Fetched<string> {
  if (value.length >= MIN_SECRET) return { value };
  const hint = 'For example: openssl rand -base64 32';
  return { finding: { path, what: `leads to a secret of ${value.length} characters`, expected, hint } };
}

/** The text of a file, or why there is none: it completes "a file that …". Reads one byte beyond `maxBytes` at most. */
export function readSmallFile(
  file: string,
  maxBytes: number,
): { readonly value: string } | { readonly problem: string } {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    // A bounded read instead of a size asked beforehand: pipes and /dev/zero have none.
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (;;) {
      const got = readSync(descriptor, buffer, length, buffer.length - length, null);
      length += got;
      if (got === 0 || length > maxBytes) break;
    }
    if (length > maxBytes) return { problem: `is larger than ${maxBytes} bytes` };
    return { value: new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(buffer.subarray(0, length)) };
  } catch (error) {
    return { problem: readProblem(error) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function readProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read';
  if (code === 'EISDIR') return 'is a folder';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return `cannot be read (${typeof code === 'string' ? code : 'unknown reason'})`;
}
