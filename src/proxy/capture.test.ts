import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { AnswerCapture } from './capture.ts';
import { CapturePool } from './capture-pool.ts';

const TIMES = { firstByteMs: 1, durationMs: 2 };
const HEAD = { status: 200, statusMessage: 'OK', rawHeaders: ['A', 'b'], contentLength: undefined };

test('a body within the bound is kept whole, without digest', () => {
  const pool = new CapturePool(100);
  const capture = new AnswerCapture(pool, 10);
  capture.head(HEAD);
  for (const piece of ['abc', 'defg', 'hij']) capture.add(Buffer.from(piece));
  expect(pool.usedBytes).toBe(10);
  const answer = capture.finish(TIMES);
  expect(Buffer.from(answer.body).toString()).toBe('abcdefghij');
  expect(answer).toMatchObject({ bodyBytes: 10, headers: [['A', 'b']] });
  expect(answer.bodyDigest).toBeUndefined();
  expect(pool.usedBytes).toBe(0);
});

test('a longer body is cut, and known by the digest of all of it', () => {
  const capture = new AnswerCapture(new CapturePool(100), 5);
  for (const piece of ['abc', 'defg', '', 'hij']) capture.add(Buffer.from(piece));
  const answer = capture.finish(TIMES);
  expect(Buffer.from(answer.body).toString()).toBe('abcde');
  expect(answer.bodyBytes).toBe(10);
  expect(answer.bodyDigest).toBe(createHash('sha256').update('abcdefghij').digest('hex'));
});

test.each([
  ['as it is', undefined, true],
  ['as it is, and says so', 'identity', true],
  ['coded', 'gzip', false],
  ['in a coding nobody knows', 'x-own', false],
])('a long body that is sent %s is sampled only where its bytes can be looked into', (_, coding, isSampled) => {
  const pool = new CapturePool(10_000_000);
  const capture = new AnswerCapture(pool, 1_000);
  capture.head({ ...HEAD, rawHeaders: coding === undefined ? [] : ['Content-Encoding', coding] });
  const body = Buffer.from('some text that goes on '.repeat(1_000));
  capture.add(body);
  const answer = capture.finish(TIMES);
  expect(answer.bodyDigest).toBe(createHash('sha256').update(body).digest('hex'));
  expect(answer.bodySample === undefined).toBe(!isSampled);
  expect(pool.usedBytes).toBe(0);
});

test('a full pool ends the capture and gets its bytes back', () => {
  const pool = new CapturePool(8);
  const first = new AnswerCapture(pool, 100);
  const second = new AnswerCapture(pool, 100);
  expect(first.add(Buffer.alloc(5))).toBe(true);
  expect(second.add(Buffer.alloc(3))).toBe(true);
  expect(pool.isNearlyFull).toBe(true);
  expect(second.add(Buffer.alloc(1))).toBe(false);
  expect(pool.usedBytes).toBe(5);
  first.release();
  first.release();
  expect(pool.usedBytes).toBe(0);
});
