import { describe, expect, test } from 'vitest';
import type { EndpointId, TenantId } from '../cell.ts';
import type { VerifiedExchange } from '../ports.ts';
import type { Signature } from '../verdict.ts';
import { acceptedAs } from './accept.ts';
import { type ClusterChange, type ClusterMark, changeMark, isAccepted, isReturn, MAX_ACCEPTED_MS } from './mark.ts';

const GET_A = 'GET /a' as EndpointId;
const by = { actor: 'cli:ann', reason: 'by design', at: 1_000 };
const accept: ClusterChange = { state: 'accepted', until: 5_000, endpoints: [GET_A] };

function markOf(change: ClusterChange, before?: ClusterMark): ClusterMark {
  const marked = changeMark(before, change, by);
  if (!marked.ok) throw new Error(marked.message);
  return marked.mark;
}

describe('a mark', () => {
  test.each<[string, ClusterMark | undefined, ClusterChange, string, Partial<ClusterMark>]>([
    ['accepted', undefined, accept, 'cluster.accepted', { state: 'accepted', until: 5_000, owner: 'cli:ann' }],
    ['given an owner', undefined, { owner: 'shop team' }, 'cluster.noted', { state: 'open', owner: 'shop team' }],
    ['fixed', undefined, { state: 'fixed', stillIn: '1.2' }, 'cluster.fixed', { state: 'fixed', stillIn: '1.2' }],
    ['reopened', markOf(accept), { state: 'open' }, 'cluster.reopened', { state: 'open', owner: 'cli:ann' }],
    ['returned', markOf({ state: 'fixed' }), { state: 'returned' }, 'cluster.returned', { state: 'returned' }],
  ])('is %s', (_name, before, change, action, expected) => {
    const marked = changeMark(before, change, by);
    expect(marked).toMatchObject({ ok: true, action, mark: expected });
  });

  test('keeps what it was accepted for while a note is added, and loses it when it is opened again', () => {
    const noted = markOf({ note: 'see the wiki' }, markOf(accept));
    expect(noted).toMatchObject({ state: 'accepted', until: 5_000, endpoints: [GET_A], note: 'see the wiki' });
    expect(markOf({ state: 'open' }, noted)).not.toHaveProperty('until');
    expect(markOf({ owner: '', note: '' }, noted)).not.toHaveProperty('note');
  });

  test.each<[string, ClusterChange, string]>([
    ['an end', { ...accept, until: 1_000 }, 'cli:ann'],
    ['an end within a year', { ...accept, until: 1_001 + MAX_ACCEPTED_MS }, 'cli:ann'],
    ['an endpoint', { ...accept, endpoints: [] }, 'cli:ann'],
    ['an owner where it counts', { ...accept, counts: true }, 'cli:ann'],
    ['something to change', {}, 'cli:ann'],
  ])('is not accepted without %s', (_name, change) => {
    expect(changeMark(undefined, change, by)).toMatchObject({ ok: false, code: 'INPUT_INVALID' });
  });

  test('is not accepted without a reason', () => {
    expect(changeMark(undefined, accept, { ...by, reason: ' ' })).toMatchObject({ ok: false });
  });

  test('is accepted until its end, at its endpoints only', () => {
    const mark = markOf(accept);
    expect(isAccepted(mark, GET_A, 4_999)).toBe(true);
    expect(isAccepted(mark, GET_A, 5_000)).toBe(false);
    expect(isAccepted(mark, 'GET /b' as EndpointId, 2_000)).toBe(false);
    expect(isAccepted(undefined, GET_A, 2_000)).toBe(false);
  });

  test('that says fixed is contradicted by another version than the one that still had it', () => {
    const mark = markOf({ state: 'fixed', stillIn: '1.2' });
    expect(isReturn(mark, '1.2')).toBe(false);
    expect(isReturn(mark, '1.3')).toBe(true);
    expect(isReturn(markOf({ state: 'fixed' }), 'unknown')).toBe(true);
    expect(isReturn(markOf(accept), '1.3')).toBe(false);
  });
});

describe('a comparison whose causes were accepted', () => {
  const cause = (id: string): Signature => ({
    id,
    endpoint: GET_A,
    pathPattern: `body/${id}`,
    kind: 'value',
    transition: 'text → text',
  });
  const mismatch = (...ids: string[]): VerifiedExchange => ({
    id: 'x1',
    at: 1,
    cell: { tenant: 'acme' as TenantId, endpoint: GET_A },
    direction: 'forward',
    requestHash: 'r',
    result: {
      verdict: 'mismatch',
      identical: false,
      differenceCount: ids.length + 1,
      differences: [
        ...ids.map((id) => ({ path: `body/${id}`, kind: 'value' as const, control: 'secret', candidate: 'b' })),
        { path: 'body/at', kind: 'value', control: '1', candidate: '2', noise: 'time' },
      ],
      signatures: ids.map(cause),
      signature: cause(ids[0] ?? ''),
    },
    statuses: { control: 200, candidate: 200 },
    durationsMs: { control: 1, candidate: 1 },
    versions: { control: '1', candidate: '2' },
    request: { method: 'GET', target: '/a', headers: [], secrets: [] },
    answers: { control: {}, candidate: {} },
  });
  const mark = markOf(accept);
  const counting = { ...mark, counts: true as const };

  test('is ignored, and keeps no value and no copy', () => {
    const judged = acceptedAs(mismatch('a'), () => mark);
    expect(judged.result).toEqual({
      verdict: 'ignored',
      identical: false,
      differenceCount: 2,
      differences: [
        { path: 'body/a', kind: 'value', rule: 'accepted a', ignored: true },
        { path: 'body/at', kind: 'value', noise: 'time' },
      ],
    });
    expect(judged).not.toHaveProperty('answers');
    expect(judged).not.toHaveProperty('request');
  });

  test('is a match only where every one of them counts', () => {
    expect(acceptedAs(mismatch('a', 'b'), () => counting).result.verdict).toBe('match');
    const mixed = acceptedAs(mismatch('a', 'b'), (id) => (id === 'a' ? counting : mark));
    expect(mixed.result.verdict).toBe('ignored');
  });

  test('stays a mismatch for the causes that were not', () => {
    const judged = acceptedAs(mismatch('a', 'b'), (id) => (id === 'a' ? mark : undefined));
    expect(judged.result).toMatchObject({ verdict: 'mismatch', signature: { id: 'b' }, signatures: [{ id: 'b' }] });
  });

  test('stays as it is where there are more causes than are told, or none was accepted', () => {
    const many = mismatch('a');
    const crowded = { ...many, result: { ...many.result, moreCauses: true as const } };
    expect(acceptedAs(crowded, () => mark)).toBe(crowded);
    expect(acceptedAs(many, () => undefined)).toBe(many);
  });
});
