import { createHmac, createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exchangeOf, jsonAnswer } from '../../test/support/trial-verifier.ts';
import type { Exchange } from '../core/observation.ts';
import { Redactor } from '../core/redact.ts';
import type { ComparisonResult, Verdict } from '../core/verdict.ts';
import { Comparer } from './comparer.ts';
import { factsOf, requestHash, type StoreOptions, verifiedExchange } from './stored-exchange.ts';

const key = createSecretKey(new Uint8Array(32).fill(1));
const hash = (name: string, value: string) => createHmac('sha256', key).update(`${name}\0${value}`).digest('hex');
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const options: StoreOptions = {
  redactor: new Redactor({ names: [], hash }),
  bodies: 'redacted',
  textOf: (_, body) => text(body),
};

function inputOf(exchange: Exchange, more: Partial<ComparisonResult> = {}) {
  const verdict: Verdict = 'mismatch';
  const result = { verdict, differences: [], differenceCount: 0, identical: false, ...more };
  return { exchange, facts: factsOf(exchange, key), result, isKept: true };
}

function store(exchange: Exchange, result: Partial<ComparisonResult> = {}, more: Partial<StoreOptions> = {}) {
  return verifiedExchange(inputOf(exchange, result), { ...options, ...more });
}

const secret = 'Zq8-fR3tUvW9xYz';
const exchange = exchangeOf(
  jsonAnswer({ user: { token: secret, name: 'joe' } }, { headers: [['Set-Cookie', `sid=${secret}; Path=/`]] }),
  jsonAnswer({ user: { name: 'joe', echo: `was ${secret}` } }),
  {
    subjectHash: 's1',
    request: {
      method: 'POST',
      target: `/login?next=%2Fa&token=${secret}`,
      headers: [['Authorization', `Bearer ${secret}`]],
      body: new TextEncoder().encode(`user=joe&pw=x&password=${secret}`),
    },
  },
);

describe('an exchange as it is stored', () => {
  it('I8: keeps no secret, names those of the request, and keeps the rest', () => {
    const differences = [
      { path: 'body/user/token', kind: 'removed', control: `"${secret}"` },
      { path: 'body/user/echo', kind: 'added', candidate: `"was ${secret}"` },
    ] as const;
    const stored = store(exchange, { differences });
    expect(JSON.stringify(stored)).not.toContain(secret);
    expect(stored.request?.secrets).toEqual(['body:password', 'header:authorization', 'query:token']);
    expect(stored.request?.target).toMatch(/^\/login\?next=%2Fa&token=⟦r:[0-9a-f]{8}⟧$/);
    expect(stored.answers?.candidate.body).toMatch(/^\{"user":\{"name":"joe","echo":"was ⟦r:[0-9a-f]{8}⟧"\}\}$/);
    expect(stored.result.differences[1]?.candidate).toMatch(/^"was ⟦r:[0-9a-f]{8}⟧"$/);
    expect(stored.answers?.control).toMatchObject({
      status: 200,
      bodyBytes: exchange.control.kind === 'answer' ? exchange.control.bodyBytes : -1,
    });
  });

  it('I8: for any other verdict holds paths only', () => {
    for (const verdict of ['match', 'ignored', 'inconclusive'] as const) {
      const differences = [
        { path: 'body/users/joe@example.org/t', kind: 'value', control: 'x', candidate: 'y', noise: 'time' },
      ] as const;
      const stored = store(exchange, { verdict, differences });
      expect(stored.request).toBeUndefined();
      expect(stored.answers).toBeUndefined();
      expect(JSON.stringify(stored)).not.toContain(secret);
      expect(stored.result.differences).toHaveLength(1);
      expect(stored.result.differences[0]?.path).toMatch(/^body\/users\/⟦r:[0-9a-f]{8}⟧\/t$/);
      expect(stored.result.differences[0]).toMatchObject({ noise: 'time' });
      expect(stored.result.differences[0]).not.toHaveProperty('control');
    }
  });

  it('I8: a mismatch that is not kept holds paths and causes only, and says so; one that is recorded is whole', () => {
    const differences = [{ path: 'body/user/echo', kind: 'added', candidate: `"was ${secret}"` }] as const;
    const { endpoint } = exchange.cell;
    const pathPattern = 'body/users/joe@example.org';
    const signature = { id: 'c1', endpoint, pathPattern, kind: 'added', transition: 'nothing → text' } as const;
    const input = { ...inputOf(exchange, { differences, signature }), isKept: false };
    const stored = verifiedExchange(input, options);
    expect(stored).toMatchObject({ unkept: true, result: { verdict: 'mismatch', signature: { id: 'c1' } } });
    expect(stored.result.differences).toEqual([{ path: 'body/user/echo', kind: 'added' }]);
    expect(stored.request ?? stored.answers).toBeUndefined();
    expect(JSON.stringify(stored)).not.toMatch(/Zq8-fR3tUvW9xYz|joe@/);
    const recorded = verifiedExchange({ ...input, facts: { ...input.facts, recorded: true } }, options);
    expect(recorded.unkept).toBeUndefined();
    expect(recorded.answers?.control.status).toBe(200);
  });

  it('I8: without bodies, what a body tells is a secret is gone from the differences all the same', () => {
    const differences = [{ path: 'body/user/echo', kind: 'added', candidate: `"was ${secret}"` }] as const;
    const plain = exchangeOf(jsonAnswer({ user: { token: secret } }), jsonAnswer({ user: { echo: `was ${secret}` } }));
    const stored = store(plain, { differences }, { bodies: 'none' });
    expect(stored.answers?.control.body).toBeUndefined();
    expect(stored.answers?.control.status).toBe(200);
    expect(JSON.stringify(stored)).not.toContain(secret);
  });

  it('keeps only the structure of bodies and of what differs, if told so, and equal values still look equal', () => {
    const differences = [
      { path: 'body/user/name', kind: 'value', control: 'joe', candidate: 'ann' },
      { path: 'header:vary', kind: 'removed', control: 'accept' },
    ] as const;
    const plain = exchangeOf(jsonAnswer({ user: { name: 'joe' } }), jsonAnswer({ user: { name: 'ann', was: 'joe' } }));
    const stored = store(plain, { differences }, { bodies: 'structure' });
    expect(JSON.stringify(stored)).not.toMatch(/joe|ann/);
    const members = (body: string | undefined): string[] => [...(body ?? '').matchAll(/⟦r:[0-9a-f]{8}⟧/g)].map(String);
    const [control, candidate] = [stored.answers?.control.body, stored.answers?.candidate.body];
    expect(control).toMatch(/^\{"user":\{"name":"⟦r:[0-9a-f]{8}⟧"\}\}$/);
    expect(members(candidate)).toEqual([stored.result.differences[0]?.candidate, members(control)[0]]);
    expect(stored.result.differences[0]?.control).toBe(members(control)[0]);
    expect(stored.result.differences[1]?.control).toBe('accept');
  });

  it('I8: a stored pair compares as the original did: equal secrets stay equal, different ones differ', () => {
    const limits = { maxDecodedBytes: 1_000_000, timeoutMs: 60_000 };
    const policy = { rules: [], headers: [], keyOrder: false };
    const verdictOf = (pair: Exchange) => new Comparer({ policy, limits }).compare(pair).verdict;
    const bodyOf = (password: string, page: number) => jsonAnswer({ user: { password, page } });
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), fc.nat(1), fc.nat(1), (a, b, m, n) => {
        const original = exchangeOf(bodyOf(a, m), bodyOf(b, n));
        const { control, candidate } = store(original).answers ?? { control: {}, candidate: {} };
        const parsed = (body: string | undefined) => jsonAnswer(JSON.parse(body ?? '') as object);
        expect(verdictOf(exchangeOf(parsed(control.body), parsed(candidate.body)))).toBe(verdictOf(original));
      }),
    );
  });

  it('cuts a body to 64 KiB and leaves a binary one out', () => {
    const long = exchangeOf(jsonAnswer({ text: 'lorem ipsum '.repeat(10_000) }), jsonAnswer({}));
    expect(store(long).answers?.control.body?.length).toBe(65_537);
    expect(store(long, {}, { textOf: () => undefined }).answers?.control).not.toHaveProperty('body');
  });

  it('says how a side failed', () => {
    const failed = exchangeOf(jsonAnswer({}), { kind: 'failure', failure: 'reset', durationMs: 3 });
    const stored = store(failed);
    expect(stored.answers?.candidate).toEqual({ failure: 'reset' });
    expect(stored.statuses).toEqual({ control: 200, candidate: 0 });
  });

  it('says where a pair does not tell which side fails more', () => {
    const failed = exchangeOf(jsonAnswer({}), { kind: 'failure', failure: 'reset', durationMs: 3 });
    expect(store({ ...failed, unpaired: 'too-slow' }).unpaired).toBe('too-slow');
    expect(store(failed)).not.toHaveProperty('unpaired');
  });

  it('names identical requests alike, without naming them', () => {
    const [one, other] = [requestHash({ ...exchange.request, headers: [] }, key), requestHash(exchange.request, key)];
    expect(one).toBe(other);
    expect(one).toMatch(/^[0-9a-f]{16}$/);
    expect(requestHash({ ...exchange.request, target: '/b' }, key)).not.toBe(one);
    expect(requestHash(exchange.request, createSecretKey(new Uint8Array(32)))).not.toBe(one);
  });
});
