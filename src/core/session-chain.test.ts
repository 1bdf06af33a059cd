import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerValues, type ChainStep, linksOf, neededSteps, withValues } from './session-chain.ts';

function step(
  target: string,
  more: Partial<ChainStep> & { readonly sends?: readonly [string, string][]; readonly form?: string } = {},
): ChainStep {
  const { sends = [], form, headers = [], body } = more;
  return {
    request: { method: 'GET', target, headers: sends, ...(form === undefined ? {} : { body: form }) },
    headers,
    ...(body === undefined ? {} : { body }),
  };
}

describe('the links of a session', () => {
  const cases: readonly [string, ChainStep, ChainStep, readonly string[]][] = [
    [
      'a JSON member in the path',
      step('/a', { body: '{"cart":{"id":"c-81x7"}}' }),
      step('/carts/c-81x7'),
      ['json:/cart/id → path/1'],
    ],
    [
      'a short id of digits, where its place is called id',
      step('/a', { body: '{"id":7,"count":3}' }),
      step('/o/7?page=3'),
      ['json:/id → path/1'],
    ],
    [
      'a cookie',
      step('/a', { headers: [['Set-Cookie', 'sid=x; Path=/']] }),
      step('/b', { sends: [['cookie', 'a=1; sid=x']] }),
      ['cookie:sid → cookie:sid'],
    ],
    [
      'a hidden field in a query',
      step('/a', { body: '<form><input value="t0k&amp;n" type=hidden name=csrf></form>' }),
      step('/b?csrf=t0k%26n'),
      ['input:csrf → query:csrf'],
    ],
    [
      'a cursor in a link',
      step('/a', { body: '{"next":"/items?cursor=abcd1234"}' }),
      step('/items?cursor=abcd1234'),
      ['json:/next#query:cursor → query:cursor'],
    ],
    [
      'a link of a page',
      step('/a', { body: '<a href="/x">x</a><a href="http://h/p/zz81?q=1">p</a>' }),
      step('/p/zz81'),
      ['link:1#path/1 → path/1'],
    ],
    [
      'a redirect',
      step('/a', { headers: [['location', '/s/9f8e7d']] }),
      step('/s/9f8e7d/next'),
      ['header:location#path/1 → path/1'],
    ],
    [
      'a token that comes back as a header',
      step('/a', { body: '{"jwt":"aaa1.bbb.ccc"}' }),
      step('/b', { sends: [['Authorization', 'Bearer aaa1.bbb.ccc']] }),
      ['json:/jwt → header:authorization'],
    ],
    [
      'a field of a form',
      step('/a', { body: '{"key":"k-12345"}' }),
      step('/b', { form: 'key=k-12345&n=1' }),
      ['json:/key → body:key'],
    ],
    [
      'a member of JSON',
      step('/a', { body: '{"key":"k-12345"}' }),
      step('/b', { form: '{"of":["k-12345"]}' }),
      ['json:/key → body:/of/0'],
    ],
    [
      'nothing that the client said first',
      step('/orders/o-1234', { body: '{"id":"o-1234"}' }),
      step('/orders/o-1234/items'),
      [],
    ],
    ['nothing short', step('/a', { body: '{"count":3,"word":"the"}' }), step('/b/the?page=3'), []],
  ];
  test.each(cases)('%s', (_, first, second, expected) => {
    const [, links] = linksOf([first, second]);
    expect(links?.map(({ from, to }) => `${from} → ${to}`)).toEqual(expected);
  });

  test('go to the answer that told the value first, and only needed steps are kept', () => {
    const steps = [
      step('/unrelated', { body: '{"other":"zzzz"}' }),
      step('/start', { body: '{"cart":"c-1111"}' }),
      step('/carts/c-1111', { body: '{"cart":"c-1111","line":"l-2222"}' }),
      step('/noise', { body: '{"line":"l-2222"}' }),
      step('/lines/l-2222'),
    ];
    const links = linksOf(steps);
    expect(links.map((list) => list.map(({ step: from }) => from))).toEqual([[], [], [1], [], [2]]);
    expect(neededSteps(links)).toEqual([1, 2, 4]);
  });

  test('what is put at the place of a link is found there, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 4, maxLength: 40 }),
        fc.string({ minLength: 1, maxLength: 40 }),
        (word, own) => {
          const old = `${word}1`;
          fc.pre(
            !/^\s|\s$|^\d+$|[;+]|^\.\.?$/.test(`${old}${own}`) && !/^(?:true|false|null)$/.test(old) && old !== own,
          );
          const first = step('/a', { body: JSON.stringify({ made: old }) });
          const [, links = []] = linksOf([first, step(`/p/${encodeURIComponent(old)}?q=${encodeURIComponent(old)}`)]);
          expect(links.map(({ to }) => to)).toEqual(['path/1', 'query:q']);
          const values = answerValues([], JSON.stringify({ made: own }));
          const filled = withValues(
            { method: 'GET', target: '/p/⟦r:01234567⟧?q=⟦r:01234567⟧&z=1', headers: [] },
            new Map(links.map(({ from, to }) => [to, values.get(from) ?? ''])),
          );
          expect(filled.target).toBe(`/p/${encodeURIComponent(own)}?q=${encodeURIComponent(own)}&z=1`);
        },
      ),
    );
  });

  test('a number stays a number, a scheme stays, and other places stay byte for byte', () => {
    const request = {
      method: 'POST',
      target: '/a%2Fb?x=%41&y',
      headers: [['Authorization', 'Bearer old']] as [string, string][],
      body: '{"id":7,"name":"n"}',
    };
    const filled = withValues(
      request,
      new Map([
        ['body:/id', '9'],
        ['header:authorization', 'new'],
      ]),
    );
    expect(filled).toEqual({ ...request, headers: [['Authorization', 'Bearer new']], body: '{"id":9,"name":"n"}' });
  });

  test('a hostile page is read within bounds', () => {
    const page = `${'<input name=a value='.repeat(20_000)}${'<a href="/x/y?z=1">'.repeat(20_000)}`;
    expect(answerValues([], page).size).toBeLessThanOrEqual(5_000);
    expect(answerValues([], '['.repeat(100_000)).size).toBe(0);
    expect(answerValues([], `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`).size).toBe(0);
  });
});
