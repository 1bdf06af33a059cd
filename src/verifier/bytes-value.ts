import { createHash } from 'node:crypto';
import type { Value } from '../core/compare/finding.ts';

/** Shorter bodies could be guessed from their digest, and their first bytes tell them apart. */
const MIN_HASHED = 64;

/** Bytes as the value of a finding: how many, the first ones (enough to see a PNG become an error page), and a digest. */
export function bytesValue(bytes: Uint8Array): Value {
  if (bytes.length === 0) return { type: 'bytes', text: '' };
  const begins = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  const digest =
    bytes.length < MIN_HASHED ? '' : `, sha256 ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
  return { type: 'bytes', text: `${bytes.length} bytes, begins ${begins}${digest}` };
}
