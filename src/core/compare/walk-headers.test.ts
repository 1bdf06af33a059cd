import { describe, expect, test } from 'vitest';
import { Findings } from './finding.ts';
import { walkHeaders } from './walk-headers.ts';

function found(name: string, a: readonly string[], b: readonly string[]): string {
  const findings = new Findings();
  const lines = (values: readonly string[]) => values.map((value) => [name.toUpperCase(), value] as const);
  walkHeaders([name], lines(a), lines(b), 'shop.example', findings);
  const told = findings.list.map(({ kind, place, accounted }) => {
    const noise = accounted?.noise === undefined ? '' : ` (${accounted.noise})`;
    return `${kind} ${place.detail ?? '.'}${noise}`;
  });
  return told.join(', ');
}

describe('headers by their meaning', () => {
  test.each<[string, string, string, string]>([
    ['cache-control', 'Max-Age=60, public', 'public,max-age = 60', ''],
    ['cache-control', 'max-age=60', 'max-age=61', 'value .'],
    ['vary', 'Accept, Cookie', 'cookie, accept', ''],
    ['vary', 'Accept', '*', 'value .'],
    ['accept-ranges', 'bytes', 'none', 'value .'],
    ['strict-transport-security', 'max-age=1; includeSubDomains', 'includesubdomains;max-age="1"', ''],
    ['strict-transport-security', 'max-age=1; includeSubDomains', 'max-age=1', 'value .'],
    ['x-frame-options', 'DENY', 'deny', ''],
    ['x-frame-options', 'DENY', 'SAMEORIGIN', 'value .'],
    ['x-content-type-options', 'nosniff', 'NoSniff', ''],
    ['referrer-policy', 'no-referrer, same-origin', 'same-origin, no-referrer', 'value .'],
    ['permissions-policy', 'camera=(), geolocation=(self)', 'geolocation=(self), camera=()', ''],
    ['access-control-expose-headers', 'X-A, X-B', 'x-b,x-a', ''],
    ['access-control-allow-origin', 'https://a.example', '*', 'value .'],
    ['refresh', '5; url=https://shop.example/a', '5;URL=/a', ''],
    ['refresh', '5; url=/a', '5; url=/b', 'value .'],
    ['content-location', 'https://shop.example/a', '/a', ''],
    ['link', '<https://shop.example/a>; rel=next', '</a>;rel=next', ''],
    ['expires', '0', '-1', ''],
    ['expires', 'Sun, 10 May 2026 12:00:00 GMT', 'Sun, 10 May 2026 12:00:02 GMT', 'value . (time)'],
    ['expires', 'Sun, 10 May 2026 12:00:00 GMT', 'Sun, 10 May 2026 13:00:00 GMT', 'value .'],
    ['content-type', 'multipart/mixed; boundary=a; charset=x', 'multipart/mixed; charset=X; boundary=b', ''],
    ['age', '7', '9', 'value .'],
  ])('%s: %s and %s', (name, a, b, expected) => expect(found(name, [a], [b])).toBe(expected));
});

describe('content security policies, directive by directive', () => {
  const csp = (a: string, b: string) => found('content-security-policy', [a], [b]);

  test.each<[string, string, string, string]>([
    [
      'order and case of names',
      "default-src 'self' a.example; img-src *",
      "IMG-SRC *; default-src  a.example 'self';",
      '',
    ],
    ['a lost directive', "default-src 'self'; frame-ancestors 'none'", "default-src 'self'", 'removed frame-ancestors'],
    ['a new source', "script-src 'self'", "script-src 'self' 'unsafe-inline'", 'value script-src'],
    ['a repeated directive counts once', 'img-src a; img-src b', 'img-src a', ''],
    [
      'another nonce is a value of its own',
      "script-src 'nonce-abc' 'self'",
      "script-src 'nonce-xyz' 'self'",
      'value script-src/nonce',
    ],
    ['a lost nonce', "script-src 'nonce-abc' 'self'", "script-src 'self'", 'value script-src'],
    ['a second policy', 'img-src a, img-src b', 'img-src a', 'removed img-src[2]'],
  ])('%s', (_, a, b, expected) => expect(csp(a, b)).toBe(expected));

  test('a policy that is gone is one finding', () => {
    expect(found('content-security-policy', ['img-src a; font-src b'], [])).toBe('removed .');
  });
});

describe('cookies', () => {
  test('one name on two paths is two cookies, in any order', () => {
    const [root, admin] = ['s=1; Path=/', 's=2; Path=/admin; Secure'];
    expect(found('set-cookie', [root, admin], [admin, root])).toBe('');
    expect(found('set-cookie', [root, admin], [root, 's=2; Path=/admin'])).toBe('removed s[2]/secure');
    expect(found('set-cookie', [root, admin], [root])).toBe('removed s[2]');
    expect(found('set-cookie', [root], [root, admin])).toBe('added s[2]');
  });

  test('one cookie whose path or domain changed is still that cookie', () => {
    expect(found('set-cookie', ['s=1; Path=/'], ['s=1'])).toBe('removed s/path');
    expect(found('set-cookie', ['s=1; Domain=a.example'], ['s=1; domain=.A.example'])).toBe('');
    expect(found('set-cookie', ['s=1; Path=/a'], ['s=2; Path=/b'])).toBe('value s, value s/path');
  });

  test('what lies behind more cookies than a browser keeps is one value', () => {
    const many = (n: number) => Array.from({ length: n }, (_, i) => `c${i}=1`);
    expect(found('set-cookie', many(300), many(250))).toBe('value more');
    expect(found('set-cookie', many(300), many(300).reverse())).toMatch(/value more$/);
  });
});
