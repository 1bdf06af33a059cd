import { expect, test } from 'vitest';
import { ShareBook } from './share-book.ts';

test('a tenant begins with its dial, and what is seen says more with time', () => {
  const book = new ShareBook();
  expect(book.share('acme', 200_000)).toBeCloseTo(0.2, 10);
  for (let number = 0; number < 5; number += 1) book.drawn('acme', 200_000, 'candidate');
  expect(book.share('acme', 200_000)).toBeCloseTo(0.6, 10);
  for (let number = 0; number < 10_000; number += 1) book.drawn('acme', 200_000, 'candidate');
  expect(book.share('acme', 200_000)).toBeGreaterThan(0.99);
  expect(book.share('globex', 200_000)).toBeCloseTo(0.2, 10);
});

test('a dial that is turned begins anew, and what was long ago is forgotten', () => {
  const book = new ShareBook();
  for (let number = 0; number < 1_000; number += 1) book.drawn('acme', 10_000, 'control');
  expect(book.share('acme', 500_000)).toBeCloseTo(0.5, 10);
  for (let number = 0; number < 4_000; number += 1) book.drawn('acme', 500_000, 'control');
  for (let number = 0; number < 8_000; number += 1) book.drawn('acme', 500_000, 'candidate');
  expect(book.share('acme', 500_000)).toBeGreaterThan(0.95);
});

test('three failures of a tenant count in ten seconds, whichever side they fall on', () => {
  const book = new ShareBook();
  const counted = [0, 1_000, 2_000, 3_000, 9_999, 10_000, 10_001].map((at) => book.mayCount('acme', 50_000, at));
  expect(counted).toEqual([true, true, true, false, false, true, true]);
  expect(book.mayCount('globex', 50_000, 3_000)).toBe(true);
  // A clock that was set back does not close the count for hours.
  expect(book.mayCount('acme', 50_000, -3_600_000)).toBe(true);
});

test('no more than 64 tenants are known; who was quiet longest begins with its dial again', () => {
  const book = new ShareBook();
  for (let number = 0; number < 100; number += 1) book.drawn('quiet', 500_000, 'candidate');
  for (let tenant = 0; tenant < 64; tenant += 1) {
    book.drawn('busy', 500_000, 'candidate');
    book.drawn(`t${tenant}`, 500_000, 'control');
  }
  expect(book.share('quiet', 500_000)).toBe(0.5);
  expect(book.share('busy', 500_000)).toBeGreaterThan(0.9);
});
