import type { Answer, BodyMark } from '../observation.ts';

/** Where two long bodies part and where they agree again, in bytes. */
export interface Parting {
  /** Everything before is equal on both sides; they differ at or behind it. */
  readonly start: number;
  /** From here on everything is equal, counted in each side's own body. */
  readonly ends: { readonly control: number; readonly candidate: number };
  /** False: only a lower bound of `start` is known, for what was captured is equal and no mark tells more. */
  readonly isExact: boolean;
}

/** What the captured parts and samples of two bodies that differ tell about where they do. */
export function partingOf(control: Answer, candidate: Answer): Parting {
  const common = commonStart(control.body, candidate.body);
  const isExact = common < Math.min(control.body.length, candidate.body.length);
  const start = isExact ? common : Math.max(common, lastEqualMark(control, candidate));
  return { start, ends: endsOf(control, candidate), isExact };
}

/** The last mark up to which samples agree; both begin at the same place. */
function lastEqualMark(control: Answer, candidate: Answer): number {
  const others = new Map((candidate.bodySample?.marks ?? []).map((mark) => [mark.offset, mark.before]));
  const equal = (control.bodySample?.marks ?? []).filter(({ offset, before }) => others.get(offset) === before);
  return equal.at(-1)?.offset ?? 0;
}

/** The earliest places behind which nothing differs: by marks, or by the bytes of the tails. */
function endsOf(control: Answer, candidate: Answer): Parting['ends'] {
  const others = new Map((candidate.bodySample?.marks ?? []).map((mark: BodyMark) => [mark.after, mark.offset]));
  for (const { after, offset } of control.bodySample?.marks ?? []) {
    const other = others.get(after);
    if (other !== undefined) return { control: offset, candidate: other };
  }
  const common = commonEnd(tailOf(control), tailOf(candidate));
  return { control: control.bodyBytes - common, candidate: candidate.bodyBytes - common };
}

/** The last bytes of a body: all of it where it was captured whole. */
export function tailOf(answer: Answer): Uint8Array {
  if (answer.body.length === answer.bodyBytes) return answer.body;
  return answer.bodySample?.tail ?? NOTHING;
}

const NOTHING = new Uint8Array(0);

function commonStart(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a[at] === b[at]) at++;
  return at;
}

function commonEnd(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  let count = 0;
  while (count < shorter && a[a.length - 1 - count] === b[b.length - 1 - count]) count++;
  return count;
}
