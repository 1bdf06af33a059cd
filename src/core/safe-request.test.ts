import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSafeMethod, requestActs } from './safe-request.ts';

describe('isSafeMethod', () => {
  test.each(['GET', 'HEAD', 'OPTIONS'])('%s is safe', (method) => expect(isSafeMethod(method)).toBe(true));
  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'CONNECT', 'get', '', 'PROPFIND'])('%j is not', (method) =>
    expect(isSafeMethod(method)).toBe(false),
  );
});

describe('requestActs', () => {
  test.each([
    '/logout',
    '/Logout',
    '/users/sign_out',
    '/users/sign-out/',
    '/account/logoff.aspx',
    '/logout.php?next=/',
    '/log%6fut',
    '/auth/signout/all',
    '/newsletter/unsubscribe?email=a@b.c',
    '/mail/opt-out',
    '/verify/8c1f2a9de4',
    '/confirm/eyJhbGciOi.J9abc.x1',
    '/users/confirmation?confirmation_token=abc',
    '/password/reset/9f86d081884c7d659a2feaa0c55ad015',
    '/activate/MTIzNDU2Nzg5/abc123def4',
    '/verify-email/123456',
    '/magic-link/abc',
    '/otp',
    '/login/one-time/xyz',
    '/oauth/callback?error=denied',
    '/auth/google/callback',
    '/signin-oidc',
    '/sso/callback?code=1&state=2',
    '/cb?code=4/0AX4XfWh1abcd9876543210&scope=x',
    '/cb?code=short&state=xyz',
    '/download?token=abc',
    '/x?access_token=abc',
    '/x?resetPasswordToken=abc',
    '/file?signature=abc&expires=123',
    '/file?X-Amz-Signature=abc&X-Amz-Expires=300',
    '/cas?ticket=ST-1',
    '/posts/5/delete',
    '/delete/5',
    '/item/remove?id=1',
    '/admin/destroy.do',
    '/api/deleteUser?id=5',
    '/api/delete_user?id=5',
    '/wp-login.php?action=logout&_wpnonce=1',
    '/ucp.php?mode=logout',
    '/index.php?do=deleteItem&id=1',
    '/cron',
    '/wp-cron.php?doing_wp_cron',
    '/jobs/nightly/trigger',
  ])('GET %s acts', (target) => {
    expect(requestActs('GET', target)).toBe(true);
    expect(requestActs('HEAD', target)).toBe(true);
    expect(requestActs('OPTIONS', target)).toBe(false);
  });

  test.each([
    '/',
    '/products/logout-cap',
    '/products/logout-cap.html',
    '/products/remove-stain-kit',
    '/deleted',
    '/removed-items',
    '/verify',
    '/activate',
    '/password/reset',
    '/orders/confirmation',
    '/confirm/details',
    '/callback',
    '/phones/callback-service',
    '/authors/5/callback',
    '/search?q=logout',
    '/search?q=delete&token=',
    '/countries?code=DE',
    '/products?code=SKU-12345',
    '/list?page_token=abc',
    '/list?nextPageToken=abc',
    '/list?continuation_token=abc',
    '/x?signature=abc',
    '/x?expires=5',
    '/x?action=view&mode=list',
    '/triggers',
    '/crontab-guide',
    '/blog/how-to-unsubscribe-from-mail',
    '/%zz/%',
    '/tokens',
    '/tokenizer?text=a',
  ])('GET %s does not act', (target) => expect(requestActs('GET', target)).toBe(false));

  test('every unsafe method acts', () => {
    expect(requestActs('POST', '/')).toBe(true);
    expect(requestActs('delete', '/')).toBe(true);
  });

  test('is total, and stays fast on hostile targets', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (target) => {
        expect(typeof requestActs('GET', target)).toBe('boolean');
      }),
    );
    for (const piece of ['a/', '&a=b', '%', '-', 'verify/a-', '.', '_a', '?&=']) {
      const startedAt = performance.now();
      requestActs('GET', `/${piece.repeat(8_000)}?${piece.repeat(8_000)}`);
      expect(performance.now() - startedAt).toBeLessThan(500);
    }
  });
});
