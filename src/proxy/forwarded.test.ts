import { describe, expect, test } from 'vitest';
import { type Peer, plainAddress, pushForwarding, TrustedNetworks } from './forwarded.ts';
import type { ForwardingHeaders } from './request-guard.ts';

const networks = new TrustedNetworks(['10.0.0.0/8', 'fd00::/8', '192.0.2.7']);

function forward(peer: Partial<Peer>, said?: ForwardingHeaders, host = 'shop.test'): Record<string, string> {
  const out: string[] = [];
  const address = peer.address ?? '203.0.113.9';
  const full: Peer = { address, trusted: networks.includes(address), localPort: '8080', proto: 'http', ...peer };
  const client = pushForwarding(out, full, { host, said, networks });
  const headers: Record<string, string> = { client };
  for (let at = 0; at + 1 < out.length; at += 2) headers[out[at] as string] = out[at + 1] as string;
  return headers;
}

test('a stranger is believed nothing', () => {
  const said = { for: '1.1.1.1', proto: 'https', host: 'evil.test', port: '1', forwarded: 'for=1.1.1.1' };
  expect(forward({}, said)).toEqual({
    client: '203.0.113.9',
    'X-Forwarded-For': '203.0.113.9',
    'X-Forwarded-Proto': 'http',
    'X-Forwarded-Host': 'shop.test',
    'X-Forwarded-Port': '8080',
    'X-Real-IP': '203.0.113.9',
    Forwarded: 'for=203.0.113.9;host="shop.test";proto=http',
  });
});

test('a trusted peer is continued, and the client is the rightmost stranger', () => {
  const said = { for: '6.6.6.6, 203.0.113.5, 10.1.1.1', proto: 'https', host: 'www.test', port: '443' };
  expect(forward({ address: '10.0.0.1' }, said)).toEqual({
    client: '203.0.113.5',
    'X-Forwarded-For': '6.6.6.6, 203.0.113.5, 10.1.1.1, 10.0.0.1',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'www.test',
    'X-Forwarded-Port': '443',
    'X-Real-IP': '203.0.113.5',
    Forwarded: 'for=6.6.6.6, for=203.0.113.5, for=10.1.1.1, for=10.0.0.1;host="www.test";proto=https',
  });
});

test('RFC 7239: Forwarded alone is understood and continued', () => {
  const got = forward({ address: '10.0.0.1' }, { forwarded: 'for="[2001:db8::17]:4711";proto=https' });
  expect(got).toMatchObject({
    client: '2001:db8::17',
    'X-Forwarded-Proto': 'https',
    Forwarded: 'for="[2001:db8::17]:4711";proto=https, for=10.0.0.1;host="shop.test";proto=https',
  });
});

describe('the client address', () => {
  test.each<[said: string, client: string]>([
    ['unknown', '10.0.0.1'],
    ['203.0.113.5, _hidden, 10.1.1.1', '10.1.1.1'],
    ['203.0.113.5:1234', '203.0.113.5'],
    ['[2001:db8::1]:99', '2001:db8::1'],
    ['::ffff:203.0.113.5', '203.0.113.5'],
    ['10.9.9.9, 10.8.8.8', '10.9.9.9'],
    [' , ', '10.0.0.1'],
  ])('of %s is %s', (said, client) => {
    expect(forward({ address: '10.0.0.1' }, { for: said })['X-Real-IP']).toBe(client);
  });

  test('at most 32 hops are read', () => {
    const chain = Array.from({ length: 1_000 }, () => '10.0.0.2').join(',');
    expect(forward({ address: '10.0.0.1' }, { for: chain })['X-Forwarded-For']?.split(',')).toHaveLength(33);
  });
});

test('IPv6 is bracketed and quoted in Forwarded (RFC 7239 section 6)', () => {
  expect(forward({ address: '2001:db8::9' }).Forwarded).toContain('for="[2001:db8::9]"');
});

test('IPv4 behind a dual-stack socket is the same address', () => {
  expect(plainAddress('::ffff:10.0.0.1')).toBe('10.0.0.1');
  expect(networks.includes('192.0.2.7')).toBe(true);
  expect(networks.includes('192.0.2.8')).toBe(false);
  expect(networks.includes('not an address')).toBe(false);
});
