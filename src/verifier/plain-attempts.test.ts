import { expect, test } from 'vitest';
import { PlainAttempts } from './plain-attempts.ts';

/** For each page whether it was tried. */
function tried(pages: readonly boolean[]): boolean[] {
  const attempts = new PlainAttempts();
  return pages.map((isPlain) => {
    const isTried = attempts.begin();
    if (isTried) attempts.ended(isPlain);
    return isTried;
  });
}

test('where all pages are plain each is tried', () => {
  expect(tried(Array.from({ length: 200 }, () => true))).not.toContain(false);
});

test('a single odd page among plain ones keeps none of the others from being tried', () => {
  expect(tried([true, true, false, true, false, true])).not.toContain(false);
});

test('where no page is plain ever fewer are tried, but one of 64 always is', () => {
  const pages = tried(Array.from({ length: 2_000 }, () => false));
  expect(pages.slice(0, 8)).toEqual([true, true, false, true, false, false, false, true]);
  expect(pages.slice(1_000).filter(Boolean).length).toBeGreaterThanOrEqual(15);
  expect(pages.slice(1_000).filter(Boolean).length).toBeLessThanOrEqual(16);
});

test('once a page is plain again all are tried', () => {
  const attempts = new PlainAttempts();
  for (let i = 0; i < 10; i++) attempts.ended(false);
  for (let i = 0; i < 63; i++) expect(attempts.begin()).toBe(false);
  expect(attempts.begin()).toBe(true);
  attempts.ended(true);
  expect([attempts.begin(), attempts.begin()]).toEqual([true, true]);
});
