import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { deadPort, startOrigin } from '../../test/support/proxy-rig.ts';
import { settingsFromUrls } from '../config/load.ts';
import { examinePair, probeSides, type Sample } from './probe.ts';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

function sampleOf(headers: Sample['headers'] = {}, status = 200): Sample {
  return {
    status,
    headers: { date: new Date(AT).toUTCString(), ...headers },
    body: Buffer.alloc(0),
    tookMs: 1,
    at: AT,
  };
}

describe('what two answers tell beside each other', () => {
  const said = (control: Sample, candidate: Sample) =>
    examinePair(control, candidate).map(({ level, topic }) => `${level} ${topic}`);

  test('sides that answer alike: nothing', () => {
    expect(said(sampleOf(), sampleOf())).toEqual([]);
  });

  test.each<[string, Sample, Sample, string[]]>([
    ['another status', sampleOf(), sampleOf({}, 404), ['note status']],
    ['cookies of one side only', sampleOf({ 'set-cookie': ['sid=1; Path=/'] }), sampleOf(), ['warning cookies']],
    [
      'the same cookies',
      sampleOf({ 'set-cookie': ['sid=1'] }),
      sampleOf({ 'set-cookie': ['sid=2'] }),
      ['note cookies'],
    ],
    [
      'cookies in another order',
      sampleOf({ 'set-cookie': ['a=1', 'b=1'] }),
      sampleOf({ 'set-cookie': ['b=1', 'a=1'] }),
      ['note cookies'],
    ],
    ['another compression', sampleOf({ 'content-encoding': 'gzip' }), sampleOf(), ['note compression']],
    ['a clock that is late', sampleOf({ date: new Date(AT - 60_000).toUTCString() }), sampleOf(), ['warning clock']],
    ['a clock within what networks make', sampleOf({ date: new Date(AT - 3_000).toUTCString() }), sampleOf(), []],
    ['a date that is none', sampleOf({ date: 'yesterday' }), sampleOf(), []],
  ])('%s', (_, control, candidate, expected) => {
    expect(said(control, candidate)).toEqual(expected);
  });

  test('a clock is told by side and distance', () => {
    const [found] = examinePair(sampleOf(), sampleOf({ date: new Date(AT + 7_200_000).toUTCString() }));
    expect(found?.text).toContain("The candidate's clock is 7200 s away");
  });
});

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function side(handler: RequestListener): Promise<string> {
  const origin = await startOrigin(handler);
  ends.push(origin.close);
  return origin.url;
}

const ok: RequestListener = (_, response) => response.end('ok');

async function probed(control: string, candidate: string, hostHeader: 'preserve' | 'upstream' = 'preserve') {
  const more = { control: { hostHeader }, candidate: { hostHeader } };
  const { sides } = settingsFromUrls({ control: [control], candidate: [candidate], more });
  return probeSides(sides, 'shop.example');
}

describe('probing both sides', () => {
  test('finds nothing to say of two that answer alike', async () => {
    expect(await probed(await side(ok), await side(ok))).toEqual([]);
  });

  test('says which side is not there, and what that means', async () => {
    const gone = `http://127.0.0.1:${await deadPort()}`;
    const [control] = await probed(gone, await side(ok));
    expect(control).toMatchObject({ level: 'warning', topic: 'unreachable' });
    expect(control?.text).toContain('Clients will get 502');
    const [candidate] = await probed(await side(ok), gone);
    expect(candidate?.text).toContain('The control serves; nothing can be compared.');
  });

  test('a side that knows only its own name has virtual hosts', async () => {
    const picky: RequestListener = (request, response) => {
      response.statusCode = request.headers.host === 'shop.example' ? 421 : 200;
      response.end();
    };
    const findings = await probed(await side(picky), await side(ok));
    expect(findings.map(({ topic }) => topic)).toContain('virtual-hosts');
    expect((await probed(await side(picky), await side(ok), 'upstream')).map(({ topic }) => topic)).toEqual([]);
  });

  test('a side that redirects to its own name would lead clients away', async () => {
    const redirecting: RequestListener = (request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${request.socket.localPort}/login` });
      response.end();
    };
    const findings = await probed(await side(redirecting), await side(redirecting));
    expect(findings.map(({ topic }) => topic)).toEqual(['redirect', 'redirect']);
  });

  test('a side that answers without end is left after the first part', async () => {
    const endless: RequestListener = (_, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', write);
      };
      write();
    };
    expect(await probed(await side(endless), await side(ok))).toEqual([]);
  });
});
