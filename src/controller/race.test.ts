import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { Side } from '../core/cell.ts';
import type { HeaderList, Observation } from '../core/observation.ts';
import { RACE_MAX_BYTES, type RaceAsk, Races } from './race.ts';

const PAGE = { host: 'acme.example', target: '/products/7' };

function answer(body: string | Buffer, headers: HeaderList = [['content-type', 'text/html']]): Observation {
  const bytes = Buffer.from(body);
  return { kind: 'answer', status: 200, headers, body: bytes, bodyBytes: bytes.length, firstByteMs: 3, durationMs: 5 };
}

function setUp(answers: Partial<Record<Side, Observation>> = {}) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const ask: RaceAsk = {
    acts: () => false,
    ask: async (side, { host, target }) => {
      asked.push(`${side} ${host}${target}`);
      return answers[side] ?? answer(side);
    },
  };
  return { clock, asked, races: new Races({ ask, clock }) };
}

function textOf(races: Races, ticket: string, side: Side): string | undefined {
  const page = races.page(ticket, side);
  return page === undefined ? undefined : `${page.type}: ${Buffer.from(page.bytes).toString()}`;
}

describe('a race', () => {
  test('asks both sides for the same and keeps both answers for a minute', async () => {
    const { races, clock, asked } = setUp();
    const { ticket, control, identical, expiresAt } = await races.run(PAGE);
    expect(asked).toEqual(['control acme.example/products/7', 'candidate acme.example/products/7']);
    expect(control).toEqual({ status: 200, failure: null, ms: 5, firstByteMs: 3, bytes: 7, shown: 'html' });
    expect(identical).toBe(false);
    expect(expiresAt - clock.now()).toBe(60_000);
    expect(textOf(races, ticket, 'candidate')).toBe('text/html; charset=utf-8: candidate');
    clock.advance(60_001);
    expect(races.page(ticket, 'candidate')).toBeUndefined();
  });

  test('keeps the answers of the last twenty races, under tickets that differ', async () => {
    const { races, clock } = setUp();
    const tickets: string[] = [];
    for (let i = 0; i < 22; i += 1) {
      tickets.push((await races.run(PAGE)).ticket);
      clock.advance(1_000);
    }
    expect(new Set(tickets).size).toBe(22);
    expect(tickets.every((ticket) => ticket.length >= 32)).toBe(true);
    expect(tickets.map((ticket) => races.page(ticket, 'control') !== undefined)).toEqual([
      ...[false, false],
      ...Array.from({ length: 20 }, () => true),
    ]);
  });

  test('runs twice at once at most', async () => {
    const { clock } = setUp();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const ask: RaceAsk = { acts: () => false, ask: (side) => gate.then(() => answer(side)) };
    const races = new Races({ ask, clock });
    const running = [races.run(PAGE), races.run(PAGE)];
    await expect(races.run(PAGE)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    release();
    await Promise.all(running);
    await expect(races.run(PAGE)).resolves.toMatchObject({ control: { status: 200 } });
  });

  test.each<[string, Observation, string, string]>([
    [
      'JSON as text',
      answer('{}', [['Content-Type', 'application/problem+json']]),
      'text',
      'text/plain; charset=utf-8: {}',
    ],
    [
      'XHTML as text',
      answer('<a/>', [['content-type', 'application/xhtml+xml']]),
      'text',
      'text/plain; charset=utf-8: <a/>',
    ],
    ['no type as text', answer('<a>', []), 'text', 'text/plain; charset=utf-8: <a>'],
    ['SVG as text', answer('<svg/>', [['content-type', 'image/svg+xml']]), 'text', 'text/plain; charset=utf-8: <svg/>'],
    [
      'HTML in UTF-8, whatever it was in',
      answer(Buffer.from('caf\xe9', 'latin1'), [['content-type', 'text/html; charset="ISO-8859-1"; x=y']]),
      'html',
      'text/html; charset=utf-8: café',
    ],
    [
      'HTML of an unknown character set',
      answer('é', [['content-type', 'text/html; charset=klingon']]),
      'html',
      'text/html; charset=utf-8: é',
    ],
    [
      'HTML without what opens connections in advance',
      answer('<LINK rel=preconnect><link/rel=x><meta\ncharset=x><base><linked><metal>'),
      'html',
      'text/html; charset=utf-8: <not-LINK rel=preconnect><not-link/rel=x><not-meta\ncharset=x><not-base><linked><metal>',
    ],
    [
      'HTML without frames, and with links that lead nowhere',
      answer('<iframe src=x><FRAME/><a href="x">b</a><A>c</A><area/><abbr>'),
      'html',
      'text/html; charset=utf-8: <not-iframe src=x><not-FRAME/><a inert href="#" href="x">b</a><A inert href="#">c</A><area inert href="#"/><abbr>',
    ],
    [
      'nor hidden in a character set',
      answer(Buffer.from('<link rel=preconnect>', 'utf16le'), [['content-type', 'text/html; charset=utf-16le']]),
      'html',
      'text/html; charset=utf-8: <not-link rel=preconnect>',
    ],
    [
      'a picture as a sentence',
      answer('\x89PNG', [['content-type', 'image/png']]),
      'sentence',
      'text/plain; charset=utf-8: Status 200, 5 bytes of image/png: nothing to read.',
    ],
    [
      'a failure as a sentence',
      { kind: 'failure', failure: 'refused', durationMs: 1 },
      'sentence',
      'text/plain; charset=utf-8: No answer: refused.',
    ],
    [
      'gzip undone',
      answer(gzipSync('<p>'), [
        ['content-type', 'text/html'],
        ['content-encoding', 'gzip'],
      ]),
      'html',
      'text/html; charset=utf-8: <p>',
    ],
    [
      'what would be larger than the bound as a sentence',
      answer(gzipSync(Buffer.alloc(RACE_MAX_BYTES + 1)), [
        ['content-type', 'text/html'],
        ['content-encoding', 'gzip'],
      ]),
      'sentence',
      'text/plain; charset=utf-8: Status 200, with a content coding that could not be undone.',
    ],
  ])('shows %s', async (_, candidate, shown, text) => {
    const { races } = setUp({ candidate });
    const result = await races.run(PAGE);
    expect(result.candidate.shown).toBe(shown);
    expect(textOf(races, result.ticket, 'candidate')).toBe(text);
  });

  test('tells whether both answers are the same bytes', async () => {
    const same = setUp({ control: answer('x'), candidate: answer('x') });
    expect((await same.races.run(PAGE)).identical).toBe(true);
    const failed: Observation = { kind: 'failure', failure: 'reset', durationMs: 1 };
    const neither = setUp({ control: failed, candidate: failed });
    expect((await neither.races.run(PAGE)).identical).toBe(false);
  });

  test.each([
    ['http://evil.example/', '/'],
    ['a b', '/'],
    ['a\r\nx: y', '/'],
    ['a@b', '/'],
    ['a', 'products'],
    ['a', '/ HTTP/1.1'],
    ['a', '/a\r\nb: c'],
    ['a', '/a#b'],
    ['a', '/é'],
    ['a', '/logout'],
  ])('of host %j and target %j does not take place', async (host, target) => {
    const { races, asked } = setUp();
    await expect(races.run({ host, target })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    expect(asked).toEqual([]);
  });
});
