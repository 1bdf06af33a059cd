import type { NoisePath } from '../core/ports.ts';
import type { Redaction, Redactor } from '../core/redact.ts';
import type { NoiseUpdate } from './worker-protocol.ts';

/** Classes that keep the form of values and nothing of the values. Other ones keep texts, numbers or hashes. */
const FORMAL = new Set(['time', 'uuid', 'token', 'relative', 'inside']);

/**
 * What an endpoint learned, as it may leave the thread: without anything that was learned of a secret's content (I8).
 * Parts are left out rather than marked: a mark would be learned as if it were the text, while what is missing is
 * learned again.
 */
export function publicNoise(update: NoiseUpdate, redactor: Redactor): NoiseUpdate {
  const redaction = redactor.begin();
  return {
    endpoint: update.endpoint,
    paths: update.paths.map((path) => publicPath(path, redactor, redaction)),
    snapshot: publicPart(update.snapshot, { redactor, redaction, isUnderSecret: false }) ?? null,
  };
}

function publicPath(noise: NoisePath, redactor: Redactor, redaction: Redaction): NoisePath {
  const isHidden = redactor.isSecretPath(noise.path) && !FORMAL.has(noise.class);
  return {
    ...noise,
    path: redaction.text(noise.path),
    envelope: isHidden ? 'not shown: the name tells of a secret' : redaction.text(noise.envelope),
  };
}

interface Look {
  readonly redactor: Redactor;
  readonly redaction: Redaction;
  readonly isUnderSecret: boolean;
}

/** A part of a snapshot, with the list items in which a secret stands left out; undefined where it is such itself. */
function publicPart(part: unknown, look: Look): unknown {
  if (typeof part === 'string') return look.redaction.text(part) === part ? part : undefined;
  if (Array.isArray(part)) return part.map((item) => publicPart(item, look)).filter((item) => item !== undefined);
  if (typeof part !== 'object' || part === null) return part;
  const members = Object.entries(part);
  const path = members.find(([name]) => name === 'path')?.[1];
  const isUnderSecret = look.isUnderSecret || (typeof path === 'string' && look.redactor.isSecretPath(path));
  const learner = members.find(([name]) => name === 'name')?.[1];
  if (isUnderSecret && typeof learner === 'string' && !FORMAL.has(learner)) return undefined;
  const shown = members.map(([name, value]) => [name, publicPart(value, { ...look, isUnderSecret })] as const);
  return shown.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(shown);
}
