import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BodySample } from '../core/observation.ts';
import { BodySampler, TAIL_BYTES } from './body-sampler.ts';

/** Bytes that no two places have alike; the same for one seed. */
function noise(length: number, seed: number): Buffer {
  let state = seed;
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

function sample(body: Buffer, offset = 0, pieceBytes = 10_000): BodySample {
  const sampler = new BodySampler(offset);
  for (let at = 0; at < body.length; at += pieceBytes) sampler.add(body.subarray(at, at + pieceBytes));
  return sampler.finish();
}

const BODY = noise(600_000, 7);

test('the sample is the same however the body arrives', () => {
  fc.assert(
    fc.property(fc.integer({ min: 900, max: 200_000 }), (pieceBytes) => {
      expect(sample(BODY, 0, pieceBytes)).toEqual(sample(BODY));
    }),
    { numRuns: 20 },
  );
  expect(sample(BODY).marks.length).toBeGreaterThan(30);
});

test('the tail is the last bytes, at most 64 KiB', () => {
  for (const length of [0, 1, TAIL_BYTES - 1, TAIL_BYTES, TAIL_BYTES + 1, 3 * TAIL_BYTES + 17]) {
    const body = BODY.subarray(0, length);
    for (const pieceBytes of [1_000, 65_536, 100_000])
      expect(
        Buffer.from(sample(body, 0, pieceBytes).tail).equals(body.subarray(Math.max(0, length - TAIL_BYTES))),
      ).toBe(true);
  }
});

describe('marks', () => {
  const placesOf = (one: BodySample) => new Map(one.marks.map((mark) => [mark.after, mark.offset]));

  test('what follows the same in both has the same digests, wherever it stands', () => {
    const shifted = Buffer.concat([noise(5_000, 1), BODY]);
    const known = placesOf(sample(shifted));
    const shared = sample(BODY).marks.filter((mark) => known.get(mark.after) === mark.offset + 5_000);
    expect(shared.length).toBeGreaterThan(25);
  });

  test('one changed byte parts the digests before it from those after it', () => {
    const at = 300_000;
    const changed = Buffer.from(BODY);
    changed[at] = (changed[at] as number) ^ 1; // within the body
    const [mine, theirs] = [sample(BODY), sample(changed)];
    const [known, before] = [placesOf(theirs), new Map(theirs.marks.map((mark) => [mark.offset, mark.before]))];
    for (const mark of mine.marks) {
      expect(known.has(mark.after)).toBe(
        mark.offset > at + 32 || (mark.offset > at && known.get(mark.after) === mark.offset),
      );
      if (mark.offset <= at) expect(before.get(mark.offset)).toBe(mark.before);
      else expect(before.get(mark.offset)).not.toBe(mark.before);
    }
  });

  test('a long body has no more than 256, and those that are left still agree', () => {
    const long = noise(8 * 1024 * 1024, 3);
    const [one, other] = [sample(long), sample(Buffer.concat([Buffer.from('x'), long]))];
    expect(one.marks.length).toBeLessThanOrEqual(256);
    const known = placesOf(other);
    const shared = one.marks.filter((mark) => known.has(mark.after));
    expect(shared.length).toBeGreaterThan(60);
    expect(shared.at(-1)?.offset).toBeGreaterThan(7 * 1024 * 1024);
  });

  test('no body has a mark at every byte', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), (byte) => {
        expect(sample(Buffer.alloc(100_000, byte)).marks.length).toBeLessThanOrEqual(50);
      }),
      { numRuns: 256 },
    );
  });
});
