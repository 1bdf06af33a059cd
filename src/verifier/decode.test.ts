import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bodyFormat, bodyText, decodeBody, readableText } from './decode.ts';

const TEXT = Buffer.from('one two three '.repeat(50));
const MAX = 8 * 1024 * 1024;

describe('decoding', () => {
  test.each([
    ['gzip', gzipSync(TEXT)],
    ['x-gzip', gzipSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
    ['deflate', deflateRawSync(TEXT)],
    ['br', brotliCompressSync(TEXT)],
    ['zstd', zstdCompressSync(TEXT)],
    ['GZIP ', gzipSync(TEXT)],
    ['identity', TEXT],
    ['', TEXT],
    ['compress', TEXT],
  ])('undoes %s', (coding, body) => {
    const decoded = decodeBody([['Content-Encoding', coding]], body, MAX);
    expect(decoded.ok && Buffer.from(decoded.bytes).equals(TEXT)).toBe(true);
  });

  test('a body that swells a hundredfold is not decoded', () => {
    const bomb = gzipSync(Buffer.alloc(6 * 1024 * 1024));
    expect(decodeBody([['content-encoding', 'gzip']], bomb, MAX)).toEqual({ ok: false, reason: 'tooLarge' });
  });

  test('nothing is decoded past the limit', () => {
    const headers = [['content-encoding', 'br']] as const;
    expect(decodeBody(headers, brotliCompressSync(TEXT), 100)).toEqual({ ok: false, reason: 'tooLarge' });
    expect(decodeBody([], TEXT, 100)).toEqual({ ok: false, reason: 'tooLarge' });
  });

  test('a body that is not of its coding is damaged', () => {
    expect(decodeBody([['content-encoding', 'gzip']], TEXT, MAX)).toEqual({ ok: false, reason: 'damaged' });
    const cut = gzipSync(TEXT).subarray(0, 30);
    expect(decodeBody([['content-encoding', 'gzip']], cut, MAX)).toEqual({ ok: false, reason: 'damaged' });
  });
});

describe('the format of a body', () => {
  test.each([
    ['application/json; charset=utf-8', 'x', 'json'],
    ['application/problem+json', '{}', 'json'],
    ['text/html', '{}', 'html'],
    ['text/css', 'a{}', 'text'],
    ['image/svg+xml', '<svg/>', 'text'],
    ['image/png', 'PNG', 'bytes'],
    ['', ' {"a":1}', 'json'],
    ['', '<!DOCTYPE html><p>', 'html'],
    ['', 'hello', 'text'],
    ['', '\u0001\u0002', 'bytes'],
    ['application/octet-stream', 'hello', 'text'],
  ] as const)('%s with %j is %s', (type, text, format) => {
    const headers = type === '' ? [] : ([['content-type', type]] as const);
    expect(bodyFormat(headers, Buffer.from(text))).toBe(format);
  });

  test('text is read in the charset that the answer names, without byte order mark', () => {
    expect(bodyText([['content-type', 'text/plain; charset=ISO-8859-1']], Buffer.from([0xe9]))).toBe('é');
    expect(bodyText([['content-type', 'text/plain']], Buffer.from('\uFEFFé'))).toBe('é');
  });

  test('binary and damaged bodies have no text to read', () => {
    expect(readableText([['content-type', 'image/png']], TEXT, MAX)).toBeUndefined();
    expect(readableText([['content-encoding', 'gzip']], TEXT, MAX)).toBeUndefined();
    expect(readableText([['content-type', 'text/plain']], Buffer.from('hi'), MAX)).toBe('hi');
  });
});
