import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import {
  exchangeOf,
  jsonAnswer,
  type Repeat,
  type Trial,
  trialVerifier,
  verifierSettings,
} from '../../test/support/trial-verifier.ts';
import type { EndpointId } from '../core/cell.ts';
import type { CapturedRequest, Exchange, Observation } from '../core/observation.ts';

const MEMBERS = new URL('../../test/support/member-compare-worker.ts', import.meta.url);
const endpoint = 'GET /a' as EndpointId;

const open: Trial[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((trial) => trial.verifier.close()));
});

function start(options: Parameters<typeof trialVerifier>[0] = {}): Trial {
  const trial = trialVerifier({ workerUrl: MEMBERS, ...options });
  open.push(trial);
  return trial;
}

function requestTo(target: string, method = 'GET'): CapturedRequest {
  return { method, target, headers: [] };
}

/** 1, 2, 3 …: an answer that never repeats itself. */
function counter(): () => number {
  let count = 0;
  return () => {
    count += 1;
    return count;
  };
}

async function verdictOf(options: Parameters<typeof trialVerifier>[0], exchange: Exchange) {
  const trial = start(options);
  trial.verifier.offer(exchange);
  await trial.settled();
  expect(trial.verified).toHaveLength(1);
  const result = trial.verified[0]?.result;
  return { trial, said: [result?.verdict, result?.reason, result?.intermittent].filter((word) => word !== undefined) };
}

/** Probes need luck once settled; without it only confirmations ask. Mismatches are never probed. */
const mismatch = () => exchangeOf(jsonAnswer({ a: 1, b: 2 }), jsonAnswer({ a: 1, b: 3 }));
const repeats =
  (control: Observation | undefined, candidate?: Observation): Repeat =>
  (side) =>
    side === 'control' ? control : candidate;

describe('recording', () => {
  it('a match that is recorded comes with redacted copies of the request and both answers, others without', async () => {
    const trial = trialVerifier();
    open.push(trial);
    const request = requestTo('/a?token_hint=1');
    const secret = { ...request, headers: [['authorization', 'Bearer s3cret-s3cret']] as [string, string][] };
    const answer = () => jsonAnswer({ a: 1, mail: 'someone@example.com' });
    trial.verifier.offer(exchangeOf(answer(), answer(), { request: secret }));
    trial.verifier.offer(exchangeOf(answer(), answer(), { request: secret }));
    await trial.settled();
    // The second needs no thread, and is done first.
    const first = trial.verified.find(({ recorded }) => recorded === true);
    const second = trial.verified.find((verified) => verified !== first);
    expect(first).toMatchObject({ recorded: true, result: { verdict: 'match' } });
    expect(first?.request?.secrets).toContain('header:authorization');
    expect(first?.answers?.control.body).toMatch(/^{"a":1,"mail":"⟦r:[0-9a-f]{8}⟧"}$/);
    expect(first?.answers?.candidate).toEqual(first?.answers?.control);
    expect(JSON.stringify(first)).not.toMatch(/s3cret|someone/);
    expect(second?.recorded).toBeUndefined();
    expect(second?.request).toBeUndefined();
  });
});

describe('confirming a mismatch', () => {
  const stays = jsonAnswer({ a: 1, b: 2 });
  const cases: readonly [string, Repeat, readonly unknown[], readonly string[]][] = [
    ['both answer as before', repeats(stays, jsonAnswer({ a: 1, b: 3 })), ['mismatch'], ['control', 'candidate']],
    [
      'the candidate is right this time',
      repeats(stays, jsonAnswer({ a: 1, b: 2 })),
      ['mismatch', true],
      ['control', 'candidate'],
    ],
    ['the candidate cannot be asked', repeats(stays), ['mismatch'], ['control']],
    [
      'the control now says what the candidate said',
      repeats(jsonAnswer({ a: 1, b: 3 })),
      ['inconclusive', 'controlMoved'],
      ['control'],
    ],
    [
      'the control moved in the same place',
      repeats(jsonAnswer({ a: 1, b: 9 })),
      ['inconclusive', 'controlMoved'],
      ['control'],
    ],
    [
      'the control moved elsewhere',
      repeats(jsonAnswer({ a: 7, b: 2 }), jsonAnswer({ a: 7, b: 3 })),
      ['mismatch'],
      ['control', 'candidate'],
    ],
    [
      'what was asked for is gone',
      repeats(jsonAnswer({}, { status: 404 })),
      ['inconclusive', 'controlMoved'],
      ['control'],
    ],
  ];
  it.each(cases)('%s', async (_, repeat, expected, asked) => {
    const { trial, said } = await verdictOf({ repeat }, mismatch());
    expect(said).toEqual(expected);
    expect(trial.asked).toEqual(asked);
    expect(trial.clusters.size).toBe(expected[0] === 'mismatch' ? 1 : 0);
  });

  it('a failure of the candidate needs no confirmation', async () => {
    const failures = [{ kind: 'failure', failure: 'refused', durationMs: 1 }, jsonAnswer({}, { status: 502 })] as const;
    for (const candidate of failures) {
      const exchange = exchangeOf(jsonAnswer({ a: 1 }, { status: 404 }), candidate);
      const { trial, said } = await verdictOf({ repeat: repeats(stays) }, exchange);
      expect(said).toEqual(['mismatch']);
      expect(trial.asked).toEqual([]);
    }
  });

  it('with confirmation off a mismatch stands at once', async () => {
    const { said } = await verdictOf({ settings: { confirm: false } }, mismatch());
    expect(said).toEqual(['mismatch']);
  });

  it('a request that may not be repeated is never repeated; what acts unasked stays unconfirmed, a mirrored write counts', async () => {
    const outcomes = [
      [requestTo('/logout'), ['inconclusive', 'unconfirmed']],
      // A write that its endpoint lets be mirrored can never be asked again: nothing would ever speak against the candidate.
      [requestTo('/a', 'POST'), ['mismatch']],
    ] as const;
    for (const [request, outcome] of outcomes) {
      const { trial, said } = await verdictOf({ repeat: repeats(stays) }, { ...mismatch(), request });
      expect(said).toEqual(outcome);
      expect(trial.asked).toEqual([]);
    }
  });

  it('without budget it waits, is asked when there is some again, and is unconfirmed after 5 s', async () => {
    const clock = new ManualClock();
    let hasBudget = false;
    let refusals = 0;
    const repeat: Repeat = (side) => {
      refusals += side === 'control' && !hasBudget ? 1 : 0;
      return side === 'control' && hasBudget ? stays : undefined;
    };
    const trial = start({ clock, repeat });
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 50) {
        clock.advance(50);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const untilRefused = async () => {
      const before = refusals;
      for (let turn = 0; turn < 2_000 && refusals === before; turn += 1) await new Promise((r) => setTimeout(r, 5));
      expect(refusals).toBe(before + 1);
    };
    trial.verifier.offer(mismatch());
    await untilRefused();
    await pass(2_000);
    expect(trial.verified).toEqual([]);
    hasBudget = true;
    clock.advance(250);
    await trial.settled();
    expect(trial.verified.map((verified) => verified.result.verdict)).toEqual(['mismatch']);

    hasBudget = false;
    trial.verifier.offer(mismatch());
    await untilRefused();
    await pass(5_500);
    await trial.settled();
    expect(trial.verified[1]?.result).toMatchObject({ verdict: 'inconclusive', reason: 'unconfirmed' });
  });

  it('a cause that stood three times is believed when the budget refuses, a new one is not', async () => {
    const clock = new ManualClock();
    let hasBudget = true;
    const trial = start({ clock, repeat: (side) => (hasBudget ? repeats(stays)(side, requestTo('/a')) : undefined) });
    for (let times = 0; times < 3; times += 1) {
      trial.verifier.offer(mismatch());
      await trial.settled();
    }
    hasBudget = false;
    trial.verifier.offer(mismatch());
    await trial.settled();
    expect(trial.verified.map((verified) => verified.result.verdict)).toEqual(Array(4).fill('mismatch'));
    expect([...trial.clusters.values()].map((cluster) => cluster.count)).toEqual([4]);
  });
});

describe('learning noise', () => {
  it('probes the control until its noise has settled, and at most one exchange in a hundred afterwards', async () => {
    const next = counter();
    let luck = 0.5;
    const trial = start({
      random: () => luck,
      repeat: (side) => (side === 'control' ? jsonAnswer({ a: 1, now: next() }) : undefined),
    });
    for (let index = 0; index < 60; index += 1) {
      trial.verifier.offer(exchangeOf(jsonAnswer({ a: 1, now: -index }), jsonAnswer({ a: 1, now: -index })));
      await trial.settled();
    }
    const first = trial.asked.length;
    expect(first).toBeGreaterThanOrEqual(10);
    expect(first).toBeLessThanOrEqual(40);
    expect(trial.noise.get(endpoint)?.map((path) => path.path)).toEqual(['body/now']);
    luck = 0.009;
    trial.verifier.offer(exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 })));
    await trial.settled();
    expect(trial.asked.length).toBe(first + 1);

    // What was learned without any mismatch now explains one.
    trial.verifier.offer(exchangeOf(jsonAnswer({ a: 1, now: 5 }), jsonAnswer({ a: 1, now: 6 })));
    await trial.settled();
    expect(trial.verified.at(-1)?.result.verdict).toBe('match');
  });

  it('a confirmation teaches too: the third moving answer is explained', async () => {
    const next = counter();
    const trial = start({ repeat: (side) => (side === 'control' ? jsonAnswer({ now: next() }) : undefined) });
    for (let index = 0; index < 3; index += 1) {
      trial.verifier.offer(exchangeOf(jsonAnswer({ now: -1 }), jsonAnswer({ now: -2 })));
      await trial.settled();
    }
    expect(trial.verified.map((verified) => verified.result.reason ?? verified.result.verdict)).toEqual([
      'controlMoved',
      'match',
      'match',
    ]);
  });

  it('a refused probe leaves the verdict alone and waits before it asks again', async () => {
    let refusals = 0;
    const clock = new ManualClock();
    const trial = start({
      clock,
      repeat: () => {
        refusals += 1;
        return undefined;
      },
    });
    for (let index = 0; index < 5; index += 1) {
      trial.verifier.offer({ ...exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 })), at: clock.now(), gapMs: 0 });
      await trial.settled();
    }
    expect(trial.verified.map((verified) => verified.result.verdict)).toEqual(Array(5).fill('match'));
    expect(refusals).toBe(1);
    clock.advance(300);
    trial.verifier.offer({ ...exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 })), at: clock.now(), gapMs: 0 });
    await trial.settled();
    expect(refusals).toBe(2);
  });

  it('a probe that would come much later than the pair is left out', async () => {
    const trial = start({ repeat: () => jsonAnswer({ a: 1 }) });
    trial.verifier.offer(exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 }), { at: Date.now() - 5_000 }));
    await trial.settled();
    expect(trial.asked).toEqual([]);
  });
});

describe('I11: faults of the verifier are never blamed on the candidate', () => {
  const broken = (target: string) => ({ ...mismatch(), request: requestTo(target) });

  it.each([
    ['a comparer that throws', '/throw', ['fault']],
    ['a comparer that never ends', '/hang', ['tooLarge']],
    ['a thread that ends', '/exit', ['fault']],
    // On a machine that is busy its time may be over before its memory is.
    ['a thread that runs out of memory', '/memory', ['fault', 'tooLarge']],
  ])('I11: %s makes its pair inconclusive, and the next pair is compared', async (_, target, reasons) => {
    const trial = start({
      repeat: repeats(jsonAnswer({ a: 1, b: 2 })),
      settings: { timeoutMs: target === '/memory' ? 15_000 : 50 },
    });
    trial.verifier.offer(broken(target));
    trial.verifier.offer(mismatch());
    await trial.settled();
    expect(trial.verified.map(({ result }) => result.verdict)).toEqual(['inconclusive', 'mismatch']);
    expect(reasons).toContain(trial.verified[0]?.result.reason);
    expect(trial.verified[0]?.result.differences).toEqual([]);
    expect(trial.logged.join()).not.toContain('secret-in-a-message');
  });

  it('I11: a replaced thread knows the noise its predecessor had learned', async () => {
    const next = counter();
    const trial = start({
      settings: { timeoutMs: 50 },
      repeat: (side) => (side === 'control' ? jsonAnswer({ now: next() }) : undefined),
    });
    for (let index = 0; index < 3; index += 1) {
      trial.verifier.offer(exchangeOf(jsonAnswer({ now: -1 }), jsonAnswer({ now: -1 })));
      await trial.settled();
    }
    trial.verifier.offer(broken('/exit'));
    trial.verifier.offer(exchangeOf(jsonAnswer({ now: 1 }), jsonAnswer({ now: 2 })));
    await trial.settled();
    expect(trial.verified.at(-1)?.result.verdict).toBe('match');
  });

  it('I11: a mismatch held by a thread that falls over before the confirmation is inconclusive', async () => {
    const trial: Trial = start({
      repeat: (side) => {
        // While the mismatch waits for its confirmation, another pair of the same endpoint breaks the thread.
        if (side === 'control' && trial.asked.length === 0) trial.verifier.offer(broken('/exit'));
        return jsonAnswer({ a: 1, b: 2 });
      },
      settings: { workers: 1 },
    });
    trial.verifier.offer(mismatch());
    await trial.settled();
    expect(trial.verified.map((verified) => verified.result.reason)).toEqual(['fault', 'fault']);
    expect(trial.clusters.size).toBe(0);
  });

  it('I11: threads that cannot start lose exchanges one by one and never blame anybody', async () => {
    const trial = start({ workerUrl: new URL('../../test/support/no-such-file.ts', import.meta.url) });
    trial.verifier.offer(mismatch());
    trial.verifier.offer(mismatch());
    await trial.settled();
    expect(trial.verified.map((verified) => verified.result.reason)).toEqual(['fault', 'fault']);
  });
});

describe('the queue', () => {
  it('counts what it has no room for', async () => {
    const trial = start({ settings: { queueLength: 5 } });
    for (let index = 0; index < 20; index += 1) {
      trial.verifier.offer(exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 2 })));
    }
    expect(trial.verifier.queueLength).toBe(5);
    await trial.settled();
    expect(trial.unverified).toEqual(Array(15).fill('queue-full'));
    expect(trial.verified).toHaveLength(5);
  });

  it('is passed by what is the same byte for byte: it needs no thread', async () => {
    const trial = start({ workerUrl: new URL('../../test/support/no-such-file.ts', import.meta.url) });
    const pair = () => exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 }));
    // The first is recorded and taught from, which only a thread can.
    for (let index = 0; index < 5; index += 1) trial.verifier.offer(pair());
    expect(trial.verifier.queueLength).toBe(1);
    await trial.settled();
    const said = trial.verified.map(({ result: { verdict, identical } }) => [verdict, identical]);
    expect(said).toEqual([...Array(4).fill(['match', true]), ['inconclusive', false]]);
  });

  it('bounds the bytes it holds, and gives them back', async () => {
    const trial = start({ settings: { mirror: { maxMemoryBytes: 30 } } });
    const pair = () => exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 }));
    for (let index = 0; index < 3; index += 1) trial.verifier.offer(pair());
    await trial.settled();
    trial.verifier.offer(pair());
    await trial.settled();
    expect(trial.unverified).toEqual(['queue-full']);
    expect(trial.verified).toHaveLength(3);
  });

  it('counts what the control served as unverified while it is paused, with the reason', async () => {
    const trial = start();
    trial.verifier.pause('store');
    trial.verifier.offer(mismatch());
    trial.verifier.pause(undefined);
    trial.verifier.offer(exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 })));
    await trial.settled();
    expect(trial.unverified).toEqual(['store']);
    expect(trial.verified).toHaveLength(1);
  });

  it('compares what the candidate served while it is paused: tripwires live on that', async () => {
    const trial = start();
    trial.verifier.pause('store');
    trial.verifier.offer({ ...mismatch(), direction: 'reverse' });
    await trial.settled();
    expect(trial.unverified).toEqual([]);
    expect(trial.verified).toHaveLength(1);
  });

  it('spreads endpoints over threads and loses none', async () => {
    const trial = start({ settings: { workers: 2 } });
    const ids = Array.from({ length: 40 }, (_, index) => {
      const cell = { ...mismatch().cell, endpoint: `GET /${index % 7}` as EndpointId };
      const exchange = exchangeOf(jsonAnswer({ a: index }), jsonAnswer({ a: index }), { cell });
      trial.verifier.offer(exchange);
      return exchange.id;
    });
    await trial.settled();
    expect(trial.verified.map((verified) => verified.id).sort()).toEqual(ids.sort());
  });

  it('leaves the caller’s neighbouring bytes alone when it moves a body', async () => {
    const trial = start();
    const whole = Buffer.from('xx{"a":1}yy');
    const shared = new Uint8Array(whole); // its own buffer
    const answer = jsonAnswer({ a: 1 }, { body: shared.subarray(2, 9) });
    trial.verifier.offer(exchangeOf(answer, jsonAnswer({ a: 1 })));
    await trial.settled();
    expect(Buffer.from(shared).toString()).toBe('xx{"a":1}yy');
    expect(trial.verified[0]?.result.verdict).toBe('match');
  });

  it('closed, it counts what it could not finish and takes nothing more', async () => {
    const trial = start();
    for (let index = 0; index < 3; index += 1) trial.verifier.offer(mismatch());
    await trial.verifier.close();
    trial.verifier.offer(mismatch());
    await trial.settled();
    expect(trial.unverified).toEqual(Array(4).fill('overload'));
    expect(trial.verified).toEqual([]);
  });
});

describe('other rules while it works', () => {
  const ignoreB = { name: 'b', kind: 'ignore', path: 'body/b', reason: 'test', counts: false } as const;

  it('compares by them from then on; what was offered before is unverified, never judged by either', async () => {
    const trial = trialVerifier({ settings: { confirm: false } });
    open.push(trial);
    trial.verifier.offer(mismatch());
    trial.verifier.follow(verifierSettings({ confirm: false, rules: [ignoreB] }));
    trial.verifier.offer(mismatch());
    await trial.settled();
    expect(trial.unverified).toEqual(['rules-changed']);
    expect(trial.verified.map(({ result }) => result.verdict)).toEqual(['ignored']);
  });

  it('settings that change nothing of what counts lose no comparison, and a replaced worker is born with them', async () => {
    const trial = trialVerifier({ settings: { confirm: false } });
    open.push(trial);
    trial.verifier.offer(mismatch());
    trial.verifier.follow(
      verifierSettings({ confirm: false, timeoutMs: 2_000, redact: { names: [], bodies: 'none' } }),
    );
    await trial.settled();
    expect(trial.unverified).toEqual([]);
    expect(trial.verified.map(({ result }) => result.verdict)).toEqual(['mismatch']);
  });

  it('keeps what was learned of noise', async () => {
    const next = counter();
    const trial = trialVerifier({
      random: () => 0,
      repeat: () => jsonAnswer({ at: new Date(1_700_000_000_000 + next() * 1_000).toISOString(), b: 1 }),
    });
    open.push(trial);
    const answer = () => jsonAnswer({ at: new Date(1_700_000_000_000).toISOString(), b: 1 });
    for (let round = 0; round < 4; round += 1) {
      trial.verifier.offer(exchangeOf(answer(), answer()));
      await trial.settled();
    }
    const before = trial.verifier.snapshots().get(endpoint);
    expect(before).toBeDefined();
    trial.verifier.follow(verifierSettings({ rules: [ignoreB] }));
    trial.verifier.offer(exchangeOf(answer(), answer()));
    await trial.settled();
    expect(JSON.stringify(trial.verifier.snapshots().get(endpoint))).toContain('at');
  });
});
