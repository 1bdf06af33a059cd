import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c, MAX_V2, type ProxyHeader, readProxyHeader } from './proxy-protocol.ts';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** A header of version 2; `checksum` appends that of the whole. */
function v2(command: number, family: number, ...parts: Buffer[]): Buffer {
  const rest = Buffer.concat(parts);
  const head = Buffer.alloc(4);
  head.writeUInt8(0x20 | command, 0);
  head.writeUInt8(family, 1);
  head.writeUInt16BE(rest.length, 2);
  return Buffer.concat([SIGNATURE, head, rest]);
}

function tlv(type: number, value: Buffer | string): Buffer {
  const head = Buffer.alloc(3);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(Buffer.from(value).length, 1);
  return Buffer.concat([head, Buffer.from(value)]);
}

const V4 = Buffer.from([203, 0, 113, 7, 10, 0, 0, 1, 0xc3, 0x50, 0x01, 0xbb]);

function v6(address: string): Buffer {
  const groups = address.split(':').map((group) => Number.parseInt(group, 16));
  const bytes = Buffer.alloc(36);
  for (const [index, group] of groups.entries()) bytes.writeUInt16BE(group, 2 * index);
  bytes.writeUInt16BE(1, 32);
  bytes.writeUInt16BE(2, 34);
  return bytes;
}

function read(bytes: Buffer | string): ProxyHeader {
  return readProxyHeader(Buffer.from(bytes as string, 'latin1'));
}

describe('version 1', () => {
  test.each([
    ['PROXY TCP4 203.0.113.7 10.0.0.1 50000 443\r\n', { address: '203.0.113.7', port: 50_000, localPort: 443 }],
    ['PROXY TCP6 2001:db8::7 ::1 1 65535\r\n', { address: '2001:db8::7', port: 1, localPort: 65_535 }],
    ['PROXY TCP4 0.0.0.0 255.255.255.255 0 0\r\n', { address: '0.0.0.0', port: 0, localPort: 0 }],
    ['PROXY UNKNOWN\r\n', undefined],
    ['PROXY UNKNOWN ffff::1 whatever 65536\r\n', undefined],
  ])('%j is read', (text, source) => {
    expect(read(`${text}GET / HTTP/1.1\r\n`)).toEqual({
      kind: 'header',
      length: text.length,
      connection: { source, isSecure: false },
    });
  });

  test.each([
    'GET / HTTP/1.1\r\n',
    'proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n',
    'PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY UNKNOWNS\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r\n',
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
  ])('%j is wrong', (text) => {
    expect(read(text).kind).toBe('wrong');
  });

  test('the longest the specification knows is read', () => {
    const address = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
    const text = `PROXY UNKNOWN ${address} ${address} 65535 65535\r\n`;
    expect(text).toHaveLength(107);
    expect(read(text)).toMatchObject({ kind: 'header', length: 107 });
  });
});

describe('version 2', () => {
  test('addresses of both families are read, IPv6 in its one spelling', () => {
    expect(read(Buffer.concat([v2(1, 0x11, V4), Buffer.from('GET /')]))).toEqual({
      kind: 'header',
      length: 28,
      connection: { source: { address: '203.0.113.7', port: 50_000, localPort: 443 }, isSecure: false },
    });
    expect(read(v2(1, 0x21, v6('2001:db8:0:0:0:0:0:7')))).toMatchObject({
      connection: { source: { address: '2001:db8::7', port: 1, localPort: 2 } },
    });
    expect(read(v2(1, 0x21, v6('0:0:0:0:0:ffff:cb00:7107')))).toMatchObject({
      connection: { source: { address: '::ffff:203.0.113.7' } },
    });
  });

  test('LOCAL, and families without ports, leave the connection what it is', () => {
    const none = { kind: 'header', connection: { source: undefined, isSecure: false } };
    expect(read(v2(0, 0x00))).toMatchObject(none);
    expect(read(v2(0, 0x11, Buffer.from('anything at all')))).toMatchObject(none);
    expect(read(v2(1, 0x00, tlv(0xee, 'x')))).toMatchObject(none);
    expect(read(v2(1, 0x31, Buffer.alloc(216)))).toMatchObject(none);
  });

  test('extensions: TLS is taken from the one that tells it, a checksum is checked, others are passed over', () => {
    const ssl = (flags: number): Buffer => tlv(0x20, Buffer.from([flags, 0, 0, 0, 0]));
    expect(read(v2(1, 0x11, V4, tlv(0x02, 'shop.test'), ssl(1)))).toMatchObject({ connection: { isSecure: true } });
    expect(read(v2(1, 0x11, V4, ssl(0)))).toMatchObject({ connection: { isSecure: false } });
    const summed = v2(1, 0x11, V4, tlv(0x03, Buffer.alloc(4)), tlv(0x04, 'padding'));
    summed.writeUInt32BE(crc32c(summed), 31);
    expect(read(summed).kind).toBe('header');
    summed.writeUInt8(204, 16);
    expect(read(summed)).toEqual({ kind: 'wrong', why: 'its checksum is wrong' });
  });

  test('the checksum is Castagnoli’s', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  test.each<[string, Buffer]>([
    ['another version', Buffer.concat([SIGNATURE, Buffer.from([0x11, 0x11, 0, 12]), V4])],
    ['another command', v2(2, 0x11, V4)],
    ['datagrams', v2(1, 0x12, V4)],
    ['another family', v2(1, 0x41, V4)],
    ['addresses cut off', v2(1, 0x11, V4.subarray(0, 11))],
    ['an extension cut off', v2(1, 0x11, V4, tlv(0x02, 'shop').subarray(0, 6))],
    ['half an extension', v2(1, 0x11, V4, Buffer.from([2, 0]))],
    ['TLS cut off', v2(1, 0x11, V4, tlv(0x20, 'abcd'))],
    ['a checksum of another length', v2(1, 0x11, V4, tlv(0x03, 'abc'))],
    ['too long', v2(1, 0x11, Buffer.alloc(MAX_V2))],
    ['a signature that goes on differently', Buffer.from('\r\n\r\n\0\r\nQUIT\0', 'latin1')],
  ])('%s is wrong', (_, bytes) => {
    expect(read(bytes).kind).toBe('wrong');
  });
});

const port = fc.integer({ min: 0, max: 65_535 });
const header = fc.oneof(
  fc
    .record({ from: fc.ipV4(), to: fc.ipV4(), a: port, b: port })
    .map(({ from, to, a, b }) => Buffer.from(`PROXY TCP4 ${from} ${to} ${a} ${b}\r\n`)),
  fc
    .record({ from: fc.ipV6(), to: fc.ipV6(), a: port, b: port })
    .map(({ from, to, a, b }) => Buffer.from(`PROXY TCP6 ${from} ${to} ${a} ${b}\r\n`)),
  fc
    .record({ addresses: fc.uint8Array({ minLength: 12, maxLength: 12 }), value: fc.uint8Array({ maxLength: 64 }) })
    .map(({ addresses, value }) => v2(1, 0x11, Buffer.from(addresses), tlv(0xe0, Buffer.from(value)))),
  fc.uint8Array({ minLength: 36, maxLength: 36 }).map((addresses) => v2(1, 0x21, Buffer.from(addresses))),
);

describe('whatever comes', () => {
  test('a header is read however it is cut, and nothing behind it', () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 40 }), (bytes, behind) => {
        for (let end = 0; end < bytes.length; end += 1) {
          expect(readProxyHeader(bytes.subarray(0, end)).kind).toBe('more');
        }
        const whole = readProxyHeader(bytes);
        expect(whole).toMatchObject({ kind: 'header', length: bytes.length });
        expect(readProxyHeader(Buffer.concat([bytes, behind]))).toEqual(whole);
      }),
    );
  });

  test('nothing throws, nothing is awaited beyond the bound, and what was wrong stays wrong', () => {
    const mutated = fc
      .tuple(header, fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }))
      .map(([bytes, changes]) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        return copy;
      });
    const any = fc.oneof(
      mutated,
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(any, fc.uint8Array({ maxLength: 40 }), (bytes, behind) => {
        const first = readProxyHeader(bytes);
        const longer = readProxyHeader(Buffer.concat([bytes, behind]));
        if (first.kind !== 'more') expect(longer).toEqual(first);
        if (first.kind === 'header') expect(first.length).toBeLessThanOrEqual(bytes.length);
        expect(readProxyHeader(Buffer.concat([bytes, Buffer.alloc(MAX_V2)])).kind).not.toBe('more');
      }),
      { numRuns: 5_000 },
    );
  });
});
