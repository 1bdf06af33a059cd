import { afterEach, describe, expect, test } from 'vitest';
import { ask, type Origin, startOrigin } from '../../test/support/proxy-rig.ts';
import { relayInformational } from './interim.ts';

let origin: Origin | undefined;
afterEach(() => origin?.close());

const HINTS = ['Link', '</a>; rel=preload', 'Link', '</b>; rel=preload', 'X-Hint', 'h', 'Connection', 'close'];

describe.each([
  ['with writeInformation', true],
  ['as Node before 24.18 can', false],
])('RFC 9110 section 15.2: interim answers %s', (_how, anyStatus) => {
  test('103 goes on with its end-to-end headers, 102 as it is, 100 only to who asked', async () => {
    const options = { expectsContinue: false, anyStatus };
    origin = await startOrigin((_request, response) => {
      relayInformational(response, { status: 102, rawHeaders: [] }, options);
      relayInformational(response, { status: 100, rawHeaders: [] }, options);
      relayInformational(response, { status: 103, rawHeaders: HINTS }, options);
      response.end('done');
    });
    const got = await ask(origin.port);
    expect(got.body.toString()).toBe('done');
    expect(got.informational.map(({ status }) => status)).toEqual([102, 103]);
    expect(got.informational[1]?.headers).toEqual({ link: '</a>; rel=preload, </b>; rel=preload', 'x-hint': 'h' });
  });
});
