import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { exchangeOf, jsonAnswer } from '../../test/support/trial-verifier.ts';
import type { EndpointId } from '../core/cell.ts';
import { Comparer } from './comparer.ts';

const LENGTH = 24;
const token = () => randomUUID().replaceAll('-', '').slice(0, LENGTH);
const MAKERS: readonly (readonly [string, string, () => string | number])[] = [
  ['uuids', 'ref', () => randomUUID()],
  ['tokens', 'token', token],
  ['tokens under another name', 'ref', token],
  ['ids', 'id', () => randomUUID()],
];

/** Three rows whose ids are drawn anew for every answer. */
function rows(name: string, ids: readonly (string | number)[]) {
  return jsonAnswer({ items: ids.map((id, n) => ({ [name]: id, title: `thing ${n}` })) });
}

describe('ids that each row of an answer has anew', () => {
  test.each(MAKERS)('%s: the same one in every row of one answer is a mismatch at once', (_, name, make) => {
    const policy = { rules: [], headers: ['content-type'], keyOrder: false };
    for (const lessons of [0, 12]) {
      const comparer = new Comparer({ policy, limits: { maxDecodedBytes: 1_000_000, timeoutMs: 20_000 } });
      const three = () => rows(name, [make(), make(), make()]);
      const request = { method: 'GET', target: '/a', headers: [] };
      for (let times = 0; times < lessons; times += 1)
        comparer.learn('GET /a' as EndpointId, request, three(), three(), 5);
      const same = make();
      expect(comparer.compare(exchangeOf(three(), rows(name, [same, same, same]))).verdict).toBe('mismatch');
      if (lessons > 0) expect(comparer.compare(exchangeOf(three(), three())).verdict).toBe('match');
    }
  });
});
