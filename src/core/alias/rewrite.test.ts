import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AliasBook } from './alias-book.ts';
import { rewriteRequest } from './rewrite.ts';

const ORDER = 'V1StGXR8_Z5jdHi6B-myT';
const OTHER = 'k9Xw2LqP7_T4mNvR8sYz1';
const CURSOR = 'eyJvZmZzZXQiOjE3fQ==';

function translate(kind: string, value: string): string | undefined {
  const book = new AliasBook();
  book.learn({ kind: '', control: ORDER, candidate: OTHER, check: 'always' });
  book.learn({ kind: '', control: CURSOR, candidate: 'Q3Vyc29yMTIzNDU2Nzg5==', check: 'never' });
  book.learn({ kind: 'order', control: '17', candidate: '901', check: 'always' });
  book.learn({ kind: 'cookie:sid', control: 'one', candidate: 'two', check: 'across' });
  return book.translate('candidate', kind, value);
}

function rewrite(request: { target?: string; headers?: readonly string[]; body?: string; contentType?: string }) {
  const whole = { target: '/', headers: [], contentType: '', ...request };
  return rewriteRequest(whole, '/orders/{id}', translate);
}

describe('a request under the other side’s names', () => {
  test.each([
    [`/orders/${ORDER}`, `/orders/${OTHER}`],
    ['/orders/17', '/orders/901'],
    ['/orders/17.json?page=17', '/orders/901.json?page=17'],
    ['/products/17', '/products/17'],
    ['/orders/170', '/orders/170'],
    ['/list?orderId=17&id=17&x=17', '/list?orderId=901&id=901&x=17'],
    [`/list?cursor=${encodeURIComponent(CURSOR)}`, '/list?cursor=Q3Vyc29yMTIzNDU2Nzg5%3D%3D'],
    [`/a-${ORDER}-b`, `/a-${ORDER}-b`],
    ['/%E0%A4%A/17?%zz', '/%E0%A4%A/17?%zz'],
  ])('%s becomes %s', (target, written) => {
    expect(rewrite({ target }).request.target).toBe(written);
  });

  test('cookies, credentials and tokens in headers', () => {
    const headers = ['Cookie', 'a=1; sid=one; sid2=one', 'Authorization', `Bearer ${ORDER}`, 'X-CSRF-Token', ORDER];
    const more = ['Referer', 'https://shop.example/orders/17', 'X-Note', `about ${ORDER}`];
    expect(rewrite({ headers: [...headers, ...more] }).request.headers).toEqual([
      ...['Cookie', 'a=1; sid=two; sid2=one', 'Authorization', `Bearer ${OTHER}`, 'X-CSRF-Token', OTHER],
      ...['Referer', 'https://shop.example/orders/901', 'X-Note', `about ${ORDER}`],
    ]);
  });

  test('forms and JSON keep every byte but the names', () => {
    const form = { contentType: 'application/x-www-form-urlencoded', body: `csrf=${ORDER}&order_id=17&n=17&t=a+b` };
    expect(rewrite(form).request.body).toBe(`csrf=${OTHER}&order_id=901&n=17&t=a+b`);
    const body = `{ "id":17, "n" : 17.0, "order_id": "17",\n "t": "say \\"${ORDER}\\"", "${ORDER}": ["${ORDER}"] }`;
    const written = `{ "id":901, "n" : 17.0, "order_id": "901",\n "t": "say \\"${ORDER}\\"", "${ORDER}": ["${OTHER}"] }`;
    expect(rewrite({ contentType: 'application/json', body }).request.body).toBe(written);
    expect(rewrite({ contentType: 'text/plain', body }).request.body).toBe(body);
  });

  test('what looks like a name and is not known is told with its place', () => {
    const { untranslated, translated } = rewrite({ target: `/orders/18?cursor=${OTHER}&id=17` });
    expect(untranslated.map(({ place }) => place)).toEqual(['segment:2', 'query:cursor']);
    expect(translated).toEqual(['query:id']);
  });

  test('so is a token against forgery', () => {
    const { untranslated } = rewrite({ headers: ['X-CSRF-Token', OTHER, 'X-Note', OTHER] });
    expect(untranslated).toEqual([{ place: 'header:x-csrf-token', value: OTHER }]);
  });

  test('without names nothing changes, whatever is sent', () => {
    const nothing = () => undefined;
    fc.assert(
      fc.property(fc.webPath(), fc.webQueryParameters(), fc.json(), fc.string(), (path, query, json, text) => {
        const request = {
          target: `${path}?${query}`,
          headers: ['Cookie', text, 'X', text],
          contentType: '',
          body: text,
        };
        expect(rewriteRequest(request, '/{id}', nothing).request).toEqual(request);
        const asJson = { ...request, contentType: 'application/json', body: json };
        expect(rewriteRequest(asJson, '/{id}', nothing).request.body).toBe(json);
      }),
    );
  });

  test('a hostile body costs no more than its length', () => {
    const body = `"${'\\'.repeat(200_000)}`;
    expect(rewrite({ contentType: 'application/json', body }).request.body).toBe(body);
    expect(rewrite({ contentType: 'application/json', body: '"'.repeat(200_001) }).request.body).toHaveLength(200_001);
  });
});
