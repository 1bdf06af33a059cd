import { describe, expect, test } from 'vitest';
import { TestUpstream } from '../../test/support/test-upstream.ts';
import type { StoredRequest } from '../core/ports.ts';
import { Comparer } from '../verifier/comparer.ts';
import { toObservation } from '../verifier/pairs.ts';
import type { Recorded } from './recorded-traffic.ts';
import { type ReplayOptions, replay, sampleOf } from './replay.ts';
import { replayLine, replayMarkdown, replayReport } from './replay-report.ts';

const COMPARER = {
  policy: { rules: [], headers: ['content-type'], keyOrder: false },
  limits: { maxDecodedBytes: 1e6, timeoutMs: 1_000 },
};

/** A shop that adds as it is told. */
function shop(total: (id: number) => number): Promise<TestUpstream> {
  return TestUpstream.start('shop', {
    respond: (request, response) => {
      const id = Number(/\d+/.exec(request.url ?? '')?.[0] ?? 0);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id, total: total(id), who: request.headers.authorization ?? 'nobody' }));
    },
  });
}

function recorded(id: number, more: Partial<Recorded> = {}, request: Partial<StoredRequest> = {}): Recorded {
  const body = JSON.stringify({ id, total: id * 10, who: 'nobody' });
  return {
    id: `r${id}`,
    at: Date.now() - 60_000,
    tenant: 'acme',
    endpoint: 'GET /orders/{id}',
    request: { method: 'GET', target: `/orders/${id}`, headers: [['Host', 'acme.example']], secrets: [], ...request },
    control: toObservation({ status: 200, headers: [['content-type', 'application/json']], body }),
    candidate: undefined,
    verdict: 'match',
    clusters: [],
    ...more,
  };
}

function options(list: readonly Recorded[], candidate: TestUpstream, more: Partial<ReplayOptions> = {}): ReplayOptions {
  return {
    recorded: list,
    candidate: candidate.url,
    comparer: new Comparer(COMPARER),
    credentials: new Map(),
    credentialMap: [],
    anonymous: false,
    publicCredentials: false,
    perSecond: 100,
    concurrency: 4,
    ...more,
  };
}

const NOTHING_KNOWN = { clusters: new Set<string>() };
const three = () => [1, 2, 3].map((id) => recorded(id));

describe('recorded requests that are asked again', () => {
  test('match what the control answered then, or differ from it by a cause that is new', async () => {
    const [right, wrong] = [await shop((id) => id * 10), await shop((id) => id * 10 + (id === 2 ? 1 : 0))];
    const good = replayReport(await replay(options(three(), right)), NOTHING_KNOWN, 'new-clusters');
    expect(good).toMatchObject({ asked: 3, parity: 1, parityBefore: 1, met: true });
    const bad = replayReport(await replay(options(three(), wrong)), NOTHING_KNOWN, 'new-clusters');
    expect(bad).toMatchObject({ asked: 3, met: false, verdicts: { match: 2, mismatch: 1 } });
    expect(bad.clusters.new).toMatchObject([
      { requests: 1, example: 'GET /orders/2', pathPattern: 'body/total', control: '20', candidate: '21' },
    ]);
    expect(replayLine(bad)).toBe('parity 100.0 % → 66.6 %, 0 clusters gone, 1 new');
  });

  test('a cause that was known passes the gate for new ones, not the gate for any; one that is gone is told', async () => {
    const [wrong, right] = [await shop((id) => id * 10 + (id === 2 ? 1 : 0)), await shop((id) => id * 10)];
    const first = replayReport(await replay(options(three(), wrong)), NOTHING_KNOWN, 'new-clusters');
    const clusters = first.clusters.new.map(({ id }) => id);
    const then = [recorded(1), recorded(2, { verdict: 'mismatch', clusters }), recorded(3)];
    const again = await replay(options(then, wrong));
    expect(replayReport(again, NOTHING_KNOWN, 'new-clusters')).toMatchObject({
      met: true,
      clusters: { new: [], known: [{ requests: 1 }], gone: [] },
    });
    expect(replayReport(again, NOTHING_KNOWN, 'any').met).toBe(false);
    const fixed = replayReport(await replay(options(then, right)), NOTHING_KNOWN, 'any');
    expect(fixed).toMatchObject({ met: true, clusters: { gone: clusters } });
    expect(replayLine(fixed)).toBe('parity 66.6 % → 100.0 %, 1 cluster gone, 0 new');
  });

  test('with a control both are asked now, and what the control does not repeat itself speaks against nobody', async () => {
    let read = 0;
    const control = await shop((id) => (id === 2 ? read++ : id * 7));
    const candidate = await shop((id) => id * 7);
    const result = await replay(options(three(), candidate, { control: control.url }));
    expect(result.map((one) => ('result' in one ? one.result.verdict : ''))).toEqual([
      'match',
      'inconclusive',
      'match',
    ]);
  });

  test('a candidate that is not there is a mismatch, a control that is not there tells nothing', async () => {
    const [right, gone] = [await shop((id) => id * 10), await shop((id) => id * 10)];
    await gone.vanish();
    const down = replayReport(await replay(options(three(), gone)), NOTHING_KNOWN, 'new-clusters');
    expect(down).toMatchObject({ met: false, verdicts: { mismatch: 3 } });
    const dark = replayReport(
      await replay(options(three(), right, { control: gone.url })),
      NOTHING_KNOWN,
      'new-clusters',
    );
    // No difference was found, because nothing could be compared: that opens no gate.
    expect(dark).toMatchObject({ parity: null, verdicts: { inconclusive: 3 }, met: false });
  });

  test('I7: requests that act are never sent, nor any whose target held a secret', async () => {
    const candidate = await shop((id) => id * 10);
    const list = [
      recorded(1, {}, { method: 'POST' }),
      recorded(2, {}, { target: '/logout' }),
      recorded(3, {}, { target: '/orders/3?key=⟦r:01234567⟧', secrets: ['query:key'] }),
    ];
    const result = await replay(options(list, candidate, { anonymous: true }));
    expect(result.map((one) => ('skipped' in one ? one.skipped : 'sent'))).toEqual(['acts', 'acts', 'secrets']);
    expect(candidate.seen).toEqual([]);
    expect(replayReport(result, NOTHING_KNOWN, 'new-clusters').met).toBe(false);
  });

  test('I8: what needs secrets is left out and named; given ones are sent, to private addresses only; no mark ever is', async () => {
    const candidate = await shop((id) => id * 10);
    const secret = {
      headers: [['Authorization', 'Bearer ⟦r:01234567⟧']] as [string, string][],
      secrets: ['header:authorization'],
    };
    const list = [recorded(1), recorded(2, {}, secret)];
    const without = replayReport(await replay(options(list, candidate)), NOTHING_KNOWN, 'any');
    expect(without).toMatchObject({
      asked: 1,
      skipped: { secrets: 1 },
      secrets: [{ name: 'header:authorization', requests: 1 }],
    });
    const credentials = new Map([['header:authorization', 'Bearer mine']]);
    const [, given] = await replay(options(list, candidate, { credentials, control: candidate.url }));
    expect(given).toMatchObject({ result: { verdict: 'match' } });
    const [, anonymous] = await replay(options(list, candidate, { anonymous: true, control: candidate.url }));
    expect(anonymous).toMatchObject({ result: { verdict: 'match' } });
    const far = options(list, candidate, { credentials, candidate: 'https://preview.example.com' });
    await expect(replay(far)).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('what was a secret in the recorded answer tells nothing; what differs beside it does', async () => {
    const [same, wrong] = [await shop((id) => id * 10), await shop((id) => id)];
    const control = toObservation({
      status: 200,
      headers: [['content-type', 'application/json']],
      body: '{"id":4,"total":40,"who":"⟦r:01234567⟧"}',
    });
    const [unknown] = await replay(options([recorded(4, { control })], same));
    expect(unknown).toMatchObject({ result: { verdict: 'inconclusive', reason: 'redacted' } });
    const [known] = await replay(options([recorded(4, { control })], wrong));
    expect(known).toMatchObject({ result: { verdict: 'mismatch', signature: { pathPattern: 'body/total' } } });
  });

  test('where only structures were recorded a control must be asked; one among others is left out', async () => {
    const [same, wrong] = [await shop((id) => id * 10), await shop((id) => id)];
    const control = toObservation({
      status: 200,
      headers: [['content-type', 'application/json']],
      body: '{"id":"⟦r:01234567⟧","total":"⟦r:01234568⟧","who":"⟦r:01234569⟧"}',
    });
    const bare = [recorded(1, { control }), recorded(2, { control: undefined })];
    await expect(replay(options(bare, wrong))).rejects.toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('--control URL'),
    });
    expect(wrong.seen).toEqual([]);
    const asked = await replay(options(bare, wrong, { control: same.url }));
    expect(asked.map((one) => ('result' in one ? one.result.verdict : ''))).toEqual(['mismatch', 'mismatch']);
    const among = replayReport(await replay(options([...bare, recorded(3)], same)), NOTHING_KNOWN, 'new-clusters');
    expect(among).toMatchObject({ asked: 1, skipped: { noAnswer: 2 }, met: true });
  });

  test('no more are in flight than allowed', async () => {
    let [inFlight, most] = [0, 0];
    const slow = await TestUpstream.start('slow', {
      respond: (_, response) => {
        inFlight += 1;
        most = Math.max(most, inFlight);
        setImmediate(() => {
          inFlight -= 1;
          response.end('{}');
        });
      },
    });
    const list = Array.from({ length: 12 }, (_, id) => recorded(id));
    await replay(options(list, slow, { concurrency: 2 }));
    expect(slow.seen).toHaveLength(12);
    expect(most).toBeLessThanOrEqual(2);
  });
});

test('a sample takes the newest of each endpoint in turn', () => {
  const list = [1, 2, 3, 4].map((id) => recorded(id, { at: id, endpoint: id === 1 ? 'GET /rare' : 'GET /busy' }));
  expect(sampleOf(list, 3).map(({ id }) => id)).toEqual(['r4', 'r1', 'r3']);
  expect(sampleOf(list, 9)).toHaveLength(4);
});

test('the summary for a pull request lets no text of an answer become markup', async () => {
  const candidate = await TestUpstream.start('evil', {
    respond: (_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: 1, total: '`| <img src=x>\n# owned', who: 'nobody' }));
    },
  });
  const report = replayReport(await replay(options([recorded(1)], candidate)), NOTHING_KNOWN, 'new-clusters');
  const markdown = replayMarkdown(report);
  expect(markdown).toContain('### Cutover: gate not met');
  const row = markdown.split('\n').find((line) => line.startsWith('| new'));
  expect(row?.replaceAll('\\|', '').split('|')).toHaveLength(9);
  expect(markdown).not.toContain('\n# owned');
  expect(row).toContain("`'\\| <img src=x> # owned`");
});
