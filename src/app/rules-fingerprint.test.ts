import { expect, test } from 'vitest';
import { comparisonPolicy } from '../core/rule.ts';
import { rulesFingerprint } from './start-mover.ts';

const compare: Parameters<typeof rulesFingerprint>[0]['compare'] = {
  rules: [{ kind: 'ignore', name: 'build', reason: 'each build has its own', path: 'body/build', counts: false }],
  headers: ['content-type', 'set-cookie'],
  keyOrder: false,
  workers: 2,
  queueLength: 500,
  timeoutMs: 1_000,
  maxDecodedBytes: 8_388_608,
  confirm: true,
};

test('another version of Cutover with the same rules ages no proof: their fingerprint stays what it was', () => {
  // Written down once. Another figure here would begin a new epoch with every upgrade: all proofs would start anew.
  expect(rulesFingerprint({ compare })).toBe('cc425688da2601db');
});

test('an option that is off is not in the fingerprint, and one that is on is', () => {
  const pinned = rulesFingerprint({ compare });
  const off = { ...compare, htmlComments: false, hosts: { control: ['a.example'], candidate: [] } };
  expect(rulesFingerprint({ compare: off })).toBe(pinned);
  expect(rulesFingerprint({ compare: { ...compare, workers: 8, timeoutMs: 5 } })).toBe(pinned);
  for (const more of [{ htmlComments: true }, { slowerThan: { factor: 3, byMs: 500 } }, { keyOrder: true }])
    expect(rulesFingerprint({ compare: { ...compare, ...more } })).not.toBe(pinned);
});

test('whatever the policy gains by default must be left out of it', () => {
  expect(Object.keys(comparisonPolicy(compare))).toEqual(['rules', 'headers', 'keyOrder']);
});
