import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate, makeChain } from '../../test/support/certificates.ts';
import { describeProblem, parseSettings } from './load.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-tls-files-'));
  const { authority, server } = makeChain('shop.test');
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  write('ca.pem', authority.cert);
  write('cert.pem', server.cert);
  write('chain.pem', `${server.cert}${authority.cert}`);
  write('turned.pem', `${authority.cert}${server.cert}`);
  write('key.pem', server.key);
  write('other-key.pem', makeCertificate().key);
  write('broken.pem', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n');
  write('locked.pem', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n');
  const old = makeCertificate({ names: ['old.test'], by: authority, days: -1 });
  write('old.pem', old.cert);
  write('old-key.pem', old.key);
  const lasting = makeCertificate({ names: ['lasting.test'], by: authority, days: 90 });
  write('lasting.pem', lasting.cert);
  write('lasting-key.pem', lasting.key);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function parse(tls: string, scheme = 'https') {
  const text = `control: {url: '${scheme}://10.0.0.5:443', tls: {${tls}}}\ncandidate: {url: 'http://10.0.0.6:80'}\n`;
  return parseSettings(text, { file: 'cutover.yaml', env: {}, baseDir: folder });
}

function told(tls: string, scheme?: string): string[] {
  const parsed = parse(tls, scheme);
  return (parsed.ok ? parsed.warnings : parsed.problems).map(describeProblem);
}

test('the files of a side become absolute paths', () => {
  const parsed = parse(
    'caFile: ca.pem, serverName: Shop.Example, certFile: lasting.pem, keyFile: lasting-key.pem, minVersion: TLSv1.3',
  );
  expect(parsed.ok && parsed.warnings).toEqual([]);
  expect(parsed.ok && parsed.settings.sides.control.tls).toEqual({
    caFile: join(folder, 'ca.pem'),
    serverName: 'shop.example',
    certificate: { certFile: join(folder, 'lasting.pem'), keyFile: join(folder, 'lasting-key.pem') },
    minVersion: 'TLSv1.3',
    insecure: false,
  });
});

describe('refused, with what to do', () => {
  test.each([
    ['certFile: cert.pem', 'control.tls.certFile: is given without keyFile; expected both or neither'],
    ['keyFile: key.pem', 'control.tls.keyFile: is given without certFile'],
    ['certFile: cert.pem, keyFile: other-key.pem', 'which is not the key of "cert.pem"'],
    ['certFile: turned.pem, keyFile: key.pem', 'comes first in certFile'],
    ['certFile: key.pem, keyFile: key.pem', 'certFile: is "key.pem", which holds no certificate'],
    ['certFile: cert.pem, keyFile: cert.pem', 'keyFile: is "cert.pem", which holds no private key'],
    ['certFile: broken.pem, keyFile: key.pem', 'holds a certificate that cannot be read'],
    ['certFile: cert.pem, keyFile: locked.pem', 'holds an encrypted key'],
    ['certFile: none.pem, keyFile: key.pem', 'does not exist'],
    ['caFile: broken.pem', 'caFile: is "broken.pem", which holds a certificate that cannot be read'],
    ['minVersion: TLSv1.1', 'expected one of TLSv1.2, TLSv1.3'],
    ['minVersion: 1.2', 'expected one of TLSv1.2, TLSv1.3'],
    ['verify: false', 'is not a known key'],
  ])('%s', (tls, expected) => {
    const problems = told(tls);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(expected);
  });

  test('a chain with the certificate first is right', () => {
    expect(parse('certFile: chain.pem, keyFile: key.pem').ok).toBe(true);
  });
});

describe('TLS towards clients', () => {
  const SIDES = "control: {url: 'http://10.0.0.5:80'}\ncandidate: {url: 'http://10.0.0.6:80'}\n";
  const whole = (text: string) => parseSettings(`${SIDES}${text}\n`, { file: 'c.yaml', env: {}, baseDir: folder });
  const LASTING = '{certFile: lasting.pem, keyFile: lasting-key.pem}';

  test('has certificates in their order', () => {
    const parsed = whole(
      `tls: {certificates: [${LASTING}, {certFile: chain.pem, keyFile: key.pem}], clientCertificates: request, clientCaFile: ca.pem}`,
    );
    expect(parsed.ok && parsed.settings.tls).toEqual({
      certificates: [
        { certFile: join(folder, 'lasting.pem'), keyFile: join(folder, 'lasting-key.pem') },
        { certFile: join(folder, 'chain.pem'), keyFile: join(folder, 'key.pem') },
      ],
      minVersion: 'TLSv1.2',
      http2: false,
      clientCertificates: 'request',
      clientCaFile: join(folder, 'ca.pem'),
    });
    expect(parsed.ok && parsed.warnings.map(describeProblem)).toEqual([
      expect.stringContaining('tls.certificates[1].certFile: names'),
    ]);
  });

  test.each([
    ['tls: {}', 'tls.certificates: is missing'],
    ['tls: {certificates: []}', 'expected a list of 1 to 100'],
    ['tls: {certificates: [{certFile: lasting.pem}]}', 'tls.certificates[0].keyFile: is missing'],
    ['tls: {certificates: [{certFile: lasting.pem, keyFile: key.pem}]}', 'which is not the key of "lasting.pem"'],
    [`tls: {certificates: [${LASTING}], clientCertificates: require}`, 'is require, while clientCaFile is not given'],
    [`tls: {certificates: [${LASTING}], clientCaFile: ca.pem}`, 'while no client certificate is asked for'],
    [`tls: {certificates: [${LASTING}], clientCertificates: optional}`, 'expected one of none, request, require'],
    ['trust: {proxyProtocol: true}', 'trust.proxyProtocol: is true, while trust.networks is empty'],
  ])('%s is refused', (text, expected) => {
    const parsed = whole(text);
    expect(parsed.ok ? [] : parsed.problems.map(describeProblem)).toEqual([expect.stringContaining(expected)]);
  });
});

describe('warned of', () => {
  test.each([
    ['insecure: true', 'https', 'is true: any certificate is taken for the control'],
    ['certFile: old.pem, keyFile: old-key.pem', 'https', 'whose certificate has ended on'],
    ['certFile: cert.pem, keyFile: key.pem', 'https', 'whose certificate ends on'],
    ['caFile: ca.pem', 'http', 'has no effect: no target of the control begins with https://'],
  ])('%s with %s', (tls, scheme, expected) => {
    const warnings = told(tls, scheme);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(expected);
  });
});
