import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { Answer } from '../core/observation.ts';
import { type BodyDecoding, DecodeAllowance } from '../proxy/body-decoder.ts';
import { AnswerCapture } from '../proxy/capture.ts';
import { CapturePool } from '../proxy/capture-pool.ts';
import { Comparer } from './comparer.ts';

const BOUND = 32 * 1024;
const AT = Date.parse('2026-05-10T12:00:00Z');
const MIB = 1024 * 1024;
const CODINGS = {
  gzip: gzipSync,
  deflate: deflateSync,
  bare: deflateRawSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const;
type Coding = keyof typeof CODINGS | 'identity';

interface Sent {
  readonly coding: Coding;
  readonly body: string;
  /** What becomes of the coded bytes on their way. */
  readonly spoil?: (coded: Buffer) => Buffer;
  readonly decoding?: BodyDecoding;
}

/** A body as the proxy captures it, piece by piece, and the pool that must be empty afterwards. */
async function captured({ coding, body, spoil, decoding }: Sent): Promise<Answer> {
  const pool = new CapturePool(64 * MIB);
  const allowed = decoding ?? new DecodeAllowance(new ManualClock(), 8 * MIB);
  const capture = new AnswerCapture(pool, BOUND, allowed);
  const name = coding === 'bare' ? 'deflate' : coding;
  const rawHeaders = ['Content-Type', 'application/json', 'Content-Encoding', name];
  capture.head({ status: 200, statusMessage: 'OK', rawHeaders, contentLength: undefined });
  const coded = coding === 'identity' ? Buffer.from(body) : CODINGS[coding](body);
  const bytes = spoil?.(coded) ?? coded;
  for (let at = 0; at < bytes.length; at += 10_000) expect(capture.add(bytes.subarray(at, at + 10_000))).toBe(true);
  const answer = await new Promise<Answer>((done) => capture.finishDecoded({ firstByteMs: 1, durationMs: 2 }, done));
  capture.release();
  expect(pool.usedBytes).toBe(0);
  return answer;
}

async function compare(mine: Sent, theirs: Sent) {
  const [control, candidate] = [await captured(mine), await captured(theirs)];
  expect(control.body.length).toBeLessThanOrEqual(BOUND);
  const comparer = new Comparer({
    policy: { rules: [], headers: ['content-type'], keyOrder: false },
    limits: { maxDecodedBytes: 8 * MIB, timeoutMs: 20_000 },
  });
  return comparer.compare({
    id: 'e1',
    at: AT,
    cell: { tenant: 'acme' as TenantId, endpoint: 'GET /export' as EndpointId },
    direction: 'forward',
    request: { method: 'GET', target: '/export', headers: [] },
    control,
    candidate,
    gapMs: 20,
    versions: { control: 'a', candidate: 'b' },
  });
}

async function story(mine: Sent, theirs: Sent): Promise<string> {
  const { reason, verdict, differences } = await compare(mine, theirs);
  return [reason ?? verdict, ...differences.map(({ kind, path, noise }) => `${noise ?? kind} ${path}`)].join(', ');
}

/** About 1 MiB, 200 to 300 KiB when coded. */
const ROWS = Array.from({ length: 12_000 }, (_, n) => ({
  id: n,
  name: `thing ${Math.imul(n, 0x9e3779b1)}`,
  price: n % 977,
}));
const withPrice = (at: number, price: number) => ROWS.map((row, n) => (n === at ? { ...row, price } : row));
const jsonOf = (rows: object[], seconds = 0) =>
  JSON.stringify({ at: new Date(AT + seconds * 1_000).toISOString(), rows });
const sent = (coding: Coding, body: string, more: Partial<Sent> = {}): Sent => ({ coding, body, ...more });

describe('coded bodies that are longer than the capture', () => {
  test.each(Object.keys(CODINGS) as Coding[])(
    '%s is undone on the way: noise is noise, a fault is told',
    async (coding) => {
      expect(await story(sent(coding, jsonOf(ROWS)), sent(coding, jsonOf(ROWS, 2)))).toBe('match, time body/at');
      expect(await story(sent(coding, jsonOf(ROWS)), sent(coding, jsonOf(withPrice(50, 1_000_000))))).toBe(
        'mismatch, value body/rows/50/price',
      );
    },
  );

  test('the same in another coding is the same, and so it is without one', async () => {
    for (const other of ['br', 'zstd', 'identity'] as const)
      expect(await story(sent('gzip', jsonOf(ROWS)), sent(other, jsonOf(ROWS)))).toBe('match');
  });

  test('what nobody saw is not guessed', async () => {
    const [body, other] = [jsonOf(ROWS), jsonOf(withPrice(6_000, 999))];
    expect(body.length).toBe(other.length);
    expect(await story(sent('gzip', body), sent('gzip', other))).toBe('tooLarge');
  });

  test('a candidate whose coding breaks off is another type; a control whose does says nothing', async () => {
    const cut = { spoil: (coded: Buffer) => coded.subarray(0, coded.length - 100) };
    expect(await story(sent('gzip', jsonOf(ROWS)), sent('gzip', jsonOf(ROWS), cut))).toBe('mismatch, type body');
    expect(await story(sent('gzip', jsonOf(ROWS), cut), sent('gzip', jsonOf(ROWS)))).toBe('unparsable');
  });

  test('the same bytes under another coding are another answer', async () => {
    const mine = sent('gzip', jsonOf(ROWS));
    const theirs = sent('identity', '', { spoil: () => gzipSync(mine.body) });
    expect(await story(mine, theirs)).toMatch(/^mismatch/);
  });

  test('a bomb is not looked at, nor is anything once the allowance is used up', async () => {
    const small = { maxBytes: 100_000, take: () => true };
    expect(await story(sent('gzip', jsonOf(ROWS), { decoding: small }), sent('gzip', jsonOf(ROWS, 2)))).toBe(
      'tooLarge',
    );
    const clock = new ManualClock();
    const allowance = new DecodeAllowance(clock, 8 * MIB);
    const told = async () =>
      (await captured(sent('gzip', jsonOf(ROWS), { decoding: allowance }))).decoded !== undefined;
    let decoded = 0;
    while (decoded < 100 && (await told())) decoded += 1;
    // 16 MiB saved up, half a MiB each.
    expect(decoded).toBeGreaterThan(20);
    expect(decoded).toBeLessThan(40);
    clock.advance(2_000);
    expect(await told()).toBe(true);
  });

  test('letting go while it is decoded calls back once, without a decoded body', async () => {
    const pool = new CapturePool(64 * MIB);
    const capture = new AnswerCapture(pool, BOUND, new DecodeAllowance(new ManualClock(), 8 * MIB));
    capture.head({
      status: 200,
      statusMessage: 'OK',
      rawHeaders: ['Content-Encoding', 'gzip'],
      contentLength: undefined,
    });
    capture.add(gzipSync(jsonOf(ROWS)));
    const answers: Answer[] = [];
    capture.finishDecoded({ firstByteMs: 1, durationMs: 2 }, (answer) => answers.push(answer));
    capture.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(answers).toHaveLength(1);
    expect(answers[0]?.decoded).toBeUndefined();
    expect(pool.usedBytes).toBe(0);
  });
});
