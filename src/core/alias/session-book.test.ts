import { describe, expect, test } from 'vitest';
import type { AliasPair } from './pair.ts';
import { MAX_SESSIONS, SessionBook } from './session-book.ts';

const A1 = 'V1StGXR8_Z5jdHi6B-my1';
const A2 = 'V1StGXR8_Z5jdHi6B-my2';
const B1 = 'k9Xw2LqP7_T4mNvR8sYz1';
const B2 = 'k9Xw2LqP7_T4mNvR8sYz2';

function thing(control: string, candidate: string, kind = ''): AliasPair {
  return { kind, control, candidate, check: 'always' };
}
function cookie(control: string, candidate: string): AliasPair {
  return { kind: 'cookie:sid', control, candidate, check: 'across' };
}

describe('names across sessions', () => {
  test('a session is found by the credentials that either side gave it', () => {
    const book = new SessionBook();
    const session = book.open();
    book.bind(session, 'control', 'cookie:sid', A1);
    expect(book.find('control', 'cookie:sid', A1)).toBe(session);
    expect(book.find('candidate', 'cookie:sid', A1)).toBeUndefined();
    expect(book.learn(session, [cookie(A1, B1)])).toEqual([]);
    expect(book.find('candidate', 'cookie:sid', B1)).toBe(session);
  });

  test('one cookie for two sessions is broken, made anew in its own it is not', () => {
    const book = new SessionBook();
    const [first, second] = [book.open(), book.open()];
    book.learn(first, [cookie(A1, B1)]);
    expect(book.learn(first, [cookie(A1, B2)])).toEqual([]);
    expect(book.learn(second, [cookie(A2, B1)])).toEqual([cookie(A2, B1)]);
    expect(second.book.count).toBe(0);
  });

  test('what belongs to another session is broken; what both may see is not', () => {
    const book = new SessionBook();
    const [first, second] = [book.open(), book.open()];
    book.learn(first, [thing(A1, B1)]);
    expect(book.learn(second, [thing(A1, B1)])).toEqual([]);
    expect(book.learn(second, [thing(A2, B1)])).toEqual([thing(A2, B1)]);
    expect(book.learn(second, [thing(A1, B2)])).toEqual([thing(A1, B2)]);
    expect(book.partner('candidate', A1)).toBe(B1);
  });

  test('short ids are believed to be unique once they have shown it', () => {
    const book = new SessionBook();
    for (let at = 0; at < 25; at++) book.learn(book.open(), [thing(String(at), String(900 + at), 'order')]);
    const mixedUp = thing('26', '903', 'order');
    expect(book.learn(book.open(), [mixedUp])).toEqual([mixedUp]);
  });

  test('short ids that every session counts from one are never broken across sessions', () => {
    const book = new SessionBook();
    for (let at = 0; at < 100; at++) expect(book.learn(book.open(), [thing(String(at), '1', 'order')])).toEqual([]);
  });

  test('sessions are bounded, and with one go its names', () => {
    const book = new SessionBook();
    const first = book.open();
    book.learn(first, [cookie(A1, B1), thing(A2, B2)]);
    const kept = book.open();
    book.learn(kept, [thing('k9Xw2LqP7_T4mNvR8sYz3', 'k9Xw2LqP7_T4mNvR8sYz4')]);
    for (let at = 0; at < MAX_SESSIONS; at++) {
      book.open();
      book.get(kept.id);
    }
    expect(book.count).toBe(MAX_SESSIONS);
    expect(book.find('control', 'cookie:sid', A1)).toBeUndefined();
    expect(book.partner('candidate', A2)).toBeUndefined();
    expect(book.get(kept.id)).toBe(kept);
    expect(book.learn(first, [thing(A1, B1)])).toEqual([]);
    expect(book.partner('candidate', A1)).toBeUndefined();
  });

  test('hostile sessions of huge names stay within the bound of all texts', () => {
    const book = new SessionBook();
    let next = 0;
    for (let session = 0; session < 120; session++) {
      const open = book.open();
      const pairs = Array.from({ length: 40 }, () => {
        next += 1;
        return thing(`a${next}${'x'.repeat(3_000)}`, `b${next}${'y'.repeat(3_000)}`);
      });
      book.learn(open, pairs);
    }
    expect(book.size).toBeLessThanOrEqual(16_777_216);
    expect(book.count).toBeGreaterThan(10);
  });
});
