import { describe, expect, test } from 'vitest';
import { isLoopback, isPrivate, parseAddress, parseNetwork, parseTarget, reaches, sameHost } from './network.ts';

const value = <T>(parsed: { ok: boolean; value?: T }) => (parsed.ok ? parsed.value : undefined);

describe('addresses to listen on', () => {
  test.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['LocalHost:80', { host: 'localhost', port: 80 }],
    ['8080', undefined],
    [':8080', undefined],
    ['127.0.0.1', undefined],
    ['127.0.0.1:99999', undefined],
    ['::1:8080', undefined],
    ['[127.0.0.1]:80', undefined],
    ['999.1.1.1:80', undefined],
    ['http://a:80', undefined],
    ['a b:80', undefined],
  ])('%j is %j', (text, address) => {
    expect(value(parseAddress(text))).toEqual(address);
  });
});

describe('targets', () => {
  test.each([
    ['http://10.0.0.5:3000', 'http://10.0.0.5:3000'],
    ['HTTP://Shop.Example', 'http://shop.example:80'],
    ['https://shop.example/', 'https://shop.example:443'],
    ['http://[FD00::5]:3000', 'http://[fd00::5]:3000'],
    // The URL standard reads one number as an IPv4 address; so would a resolver.
    ['http://2130706433:80', 'http://127.0.0.1:80'],
    ['ftp://a', undefined],
    ['shop.example', undefined],
    ['http://user@a', undefined],
    ['http://a/b', undefined],
    ['http://a?b', undefined],
    ['http://a#b', undefined],
    ['http://a:0', undefined],
    ['http://a:70000', undefined],
    ['http://', undefined],
    ['http://a b', undefined],
  ])('%j is %j', (text, url) => {
    expect(value(parseTarget(text))?.url).toBe(url);
  });

  test.each([
    'http://169.254.169.254',
    'http://169.254.1.1',
    'http://2852039166',
    'http://0251.0376.0251.0376',
    'http://[::ffff:169.254.169.254]',
    'http://[fe80::1]',
    'http://[fd00:ec2::254]',
    'http://metadata.google.internal',
    'http://metadata.google.internal.',
  ])('%s leads to a metadata service and is refused, however it is spelled', (text) => {
    expect(parseTarget(text)).toMatchObject({ ok: false, expected: 'an address that is not link-local' });
  });

  test.each(['http://0.0.0.0', 'http://[::]', 'http://0'])('%s is no single server', (text) => {
    expect(parseTarget(text).ok).toBe(false);
  });
});

describe('networks', () => {
  test.each([
    ['10.0.0.0/8', true],
    ['0.0.0.0/0', true],
    ['fd00::/8', true],
    ['::1/128', true],
    ['::ffff:10.0.0.0/104', true],
    ['10.0.0.1/8', false],
    ['fd00::1/8', false],
    ['10.0.0.0/33', false],
    ['fd00::/129', false],
    ['10.0.0.0', false],
    ['10.0.0/8', false],
    ['localhost/8', false],
  ])('%s is a range: %s', (text, isRange) => {
    expect(parseNetwork(text).ok).toBe(isRange);
  });
});

describe('which machine an address means', () => {
  test.each([
    ['127.0.0.1', true, true],
    ['127.9.9.9', true, true],
    ['::1', true, true],
    ['::ffff:127.0.0.1', true, true],
    ['localhost', true, true],
    ['shop.localhost', true, true],
    ['10.9.8.7', false, true],
    ['172.16.0.1', false, true],
    ['172.32.0.1', false, false],
    ['192.168.4.4', false, true],
    ['fd12::1', false, true],
    ['fe80::1', false, false],
    ['169.254.1.1', false, false],
    ['8.8.8.8', false, false],
    ['localhost.example', false, false],
    ['shop.internal', false, false],
  ])('%s: loopback %s, private %s', (host, loopback, inside) => {
    expect([isLoopback(host), isPrivate(host)]).toEqual([loopback, inside]);
  });

  test('all names of this machine are one host', () => {
    expect(sameHost('localhost', '127.0.0.1')).toBe(true);
    expect(sameHost('::1', '127.0.0.2')).toBe(true);
    expect(sameHost('Shop.Example.', 'shop.example')).toBe(true);
    expect(sameHost('10.0.0.1', '10.0.0.2')).toBe(false);
  });

  test('listening on every network is reached through this machine; an unknown port is reached by nobody', () => {
    expect(reaches({ host: '127.0.0.1', port: 80 }, { host: '0.0.0.0', port: 80 })).toBe(true);
    expect(reaches({ host: 'localhost', port: 80 }, { host: '::', port: 80 })).toBe(true);
    expect(reaches({ host: '10.0.0.1', port: 80 }, { host: '0.0.0.0', port: 80 })).toBe(false);
    expect(reaches({ host: '127.0.0.1', port: 80 }, { host: '127.0.0.1', port: 81 })).toBe(false);
    expect(reaches({ host: '127.0.0.1', port: 0 }, { host: '127.0.0.1', port: 0 })).toBe(false);
  });
});

describe('Unix sockets', () => {
  test('are targets by their absolute path, and private', () => {
    const parsed = parseTarget('unix:/run/App.sock');
    expect(parsed).toEqual({ ok: true, value: { url: 'unix:/run/App.sock', host: '/run/App.sock', port: 0 } });
    expect(isPrivate('/run/App.sock')).toBe(true);
  });

  test.each([
    ['unix:run/app.sock', 'unix:/run/app.sock'],
    ['unix:', 'absolute path'],
    ['unix:/run/', 'absolute path'],
    ['unix:/run/a b', 'absolute path'],
    ['unix:///run/app.sock', 'Write unix:/run/app.sock'],
    [`unix:/${'x'.repeat(103)}`, 'At most 103'],
  ])('%s is refused', (text, hint) => {
    expect(parseTarget(text)).toMatchObject({ ok: false, hint: expect.stringContaining(hint) });
  });
});
