import { createHash } from 'node:crypto';
import { headerValue, type Observation } from '../core/observation.ts';
import type { Random } from '../core/ports.ts';

/** The version that an answer's header tells; `unknown` where none does. */
export function versionOf(observation: Observation, header: string | undefined): string {
  if (header === undefined || observation.kind === 'failure') return 'unknown';
  return headerValue(observation.headers, header) ?? 'unknown';
}

/** Sixteen hex digits are enough to tell a cell's subjects apart, and do not lead back to one. */
export function hashSubject(subject: string, salt: string): string {
  return createHash('sha256').update(`${salt}\n${subject}`).digest('hex').slice(0, 16);
}

/** Time in base 36, padded so that ids sort until the year 5188, then 40 random bits. */
export function exchangeId(at: number, random: Random): string {
  const chance = Math.floor(random.next() * 2 ** 40);
  return at.toString(36).padStart(9, '0') + chance.toString(36).padStart(8, '0');
}
