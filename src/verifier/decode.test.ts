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
    ['text/css', 'a{}', 'code'],
    ['application/javascript', 'a', 'code'],
    ['image/svg+xml', '<svg/>', 'xml'],
    ['application/rss+xml; charset=utf-8', '<rss/>', 'xml'],
    ['text/xml', '<a/>', 'xml'],
    ['application/x-ndjson', '{}', 'ndjson'],
    ['application/jsonl', '{}', 'ndjson'],
    ['text/event-stream', 'data: 1', 'events'],
    ['application/x-www-form-urlencoded', 'a=1', 'form'],
    ['multipart/mixed; boundary=x', '--x', 'multipart'],
    ['text/csv', 'a,b', 'csv'],
    ['text/tab-separated-values', 'a', 'tsv'],
    ['application/pdf', '%PDF', 'bytes'],
    ['', '<?xml version="1.0"?><a/>', 'xml'],
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

  test.each<[string, string, number[], string]>([
    ['by name', 'text/plain; charset=utf-16le', [0xe9, 0], 'é'],
    ['by its mark, whatever the type says', 'text/plain; charset=utf-8', [0xff, 0xfe, 0xe9, 0], 'é'],
    ['by its mark, the other way', 'text/plain', [0xfe, 0xff, 0, 0xe9], 'é'],
    ['of Windows', 'text/plain; charset="windows-1252"', [0x80], '€'],
    ['that nobody knows', 'text/plain; charset=martian', [0xc3, 0xa9], 'é'],
  ])('a charset %s', (_, type, bytes, text) => {
    expect(bodyText([['content-type', type]], Uint8Array.from(bytes))).toBe(text);
  });

  test('a document without a charset in its type may name one itself', () => {
    const latin = (text: string) => Buffer.from(text, 'latin1');
    expect(bodyText([['content-type', 'text/html']], latin('<meta charset="iso-8859-1"><p>é'))).toContain('<p>é');
    const xml = '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>';
    expect(bodyText([['content-type', 'text/xml']], latin(xml))).toContain('<a>é</a>');
    expect(bodyText([['content-type', 'text/plain']], latin(xml))).not.toContain('é');
  });

  test('binary and damaged bodies have no text to read', () => {
    expect(readableText([['content-type', 'image/png']], TEXT, MAX)).toBeUndefined();
    expect(readableText([['content-encoding', 'gzip']], TEXT, MAX)).toBeUndefined();
    expect(readableText([['content-type', 'text/plain']], Buffer.from('hi'), MAX)).toBe('hi');
  });
});
