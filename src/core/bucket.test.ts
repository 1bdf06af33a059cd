import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf, murmur3 } from './bucket.ts';

/** The same algorithm over Node's own UTF-8 bytes: checks the encoder and the mixing of blocks. */
function reference(text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  const blocks = Math.floor(bytes.length / 4);
  let h = 0;
  const scramble = (k: number): number => {
    const a = Math.imul(k, 0xcc9e2d51);
    return Math.imul((a << 15) | (a >>> 17), 0x1b873593);
  };
  for (let i = 0; i < blocks; i++) {
    h ^= scramble(bytes.readInt32LE(i * 4));
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = bytes.length - 1; i >= blocks * 4; i--) tail = (tail << 8) | (bytes[i] ?? 0);
  h ^= scramble(tail) ^ bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

describe('murmur3', () => {
  test.each([
    ['', 0],
    ['test', 0xba6bd213],
    ['Hello, world!', 0xc0363e43],
    ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
  ])('gives the published value for %j', (text, expected) => {
    expect(murmur3(text)).toBe(expected);
  });

  test('hashes the UTF-8 bytes of any text, lone surrogates as U+FFFD', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) }),
        (text) => {
          expect(murmur3(text)).toBe(reference(text));
        },
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(murmur3(text)).toBe(reference(text));
      }),
    );
    expect(murmur3('a\ud800b')).toBe(murmur3('a\ufffdb'));
    expect(murmur3('\udc00\ud800')).toBe(murmur3('\ufffd\ufffd'));
  });
});

describe('bucketOf', () => {
  test('lies between 0 and 999,999 and is the same every time', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (subject, salt) => {
        const bucket = bucketOf(subject, salt);
        expect(bucket).toBe(Math.floor((reference(`${salt}:${subject}`) * 1e6) / 2 ** 32));
        expect(bucket >= 0 && bucket <= 999_999 && Number.isInteger(bucket)).toBe(true);
      }),
    );
  });

  test('spreads subjects evenly (chi-square over 100 classes, 100,000 subjects)', () => {
    for (const kind of [
      (i: number) => `user-${i}`,
      (i: number) => String(i),
      (i: number) => `10.0.${i >> 8}.${i & 255}`,
    ]) {
      const counts = new Array<number>(100).fill(0);
      for (let i = 0; i < 100_000; i++) {
        const group = Math.floor(bucketOf(kind(i), 'salt') / 10_000);
        counts[group] = (counts[group] ?? 0) + 1;
      }
      const chi = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
      // 99 degrees of freedom: above 161 or below 54 happens once in 10,000.
      expect(chi).toBeGreaterThan(54);
      expect(chi).toBeLessThan(161);
    }
  });

  test('is independent between salts: half of one half is a quarter', () => {
    let both = 0;
    for (let i = 0; i < 100_000; i++) {
      if (bucketOf(`u${i}`, 'one') < 500_000 && bucketOf(`u${i}`, 'two') < 500_000) both += 1;
    }
    // Standard deviation 137.
    expect(Math.abs(both - 25_000)).toBeLessThan(550);
  });
});
