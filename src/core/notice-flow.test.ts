import { describe, expect, test } from 'vitest';
import { makeNotice, type Notice, type NoticeKind } from './notice.ts';
import { NoticeGatherer, NoticeRate } from './notice-flow.ts';

const SECOND = 1_000;

function notice(kind: NoticeKind, name: string, count = 1): Notice {
  return makeNotice({
    kind,
    at: 5,
    title: `${kind} ${name}`,
    reason: `why ${name}`,
    names: [name],
    count,
    revision: 3,
  });
}

describe('gathering', () => {
  test('what comes alone is told as it is, when its minute is over', () => {
    const gatherer = new NoticeGatherer();
    const alone = notice('opened', 'a');
    expect(gatherer.add(alone, 0)).toBeUndefined();
    expect(gatherer.due(59 * SECOND)).toEqual([]);
    expect(gatherer.due(60 * SECOND)).toEqual([alone]);
    expect(gatherer.isGathering).toBe(false);
  });

  test('many cells opened within a minute are one notice with the number; those after it are another', () => {
    const gatherer = new NoticeGatherer();
    for (let i = 0; i < 40; i += 1) gatherer.add(notice('opened', `t${i} GET /a`, 5), i * SECOND);
    const [one, ...rest] = gatherer.due(60 * SECOND);
    expect(rest).toEqual([]);
    expect(one).toMatchObject({ kind: 'opened', title: '200 cells opened', count: 200, at: 5, revision: 3 });
    expect(one?.names).toHaveLength(10);
    expect(one?.text).toContain('and 190 more. Within a minute; the first: why t0 GET /a');
    gatherer.add(notice('opened', 'late'), 61 * SECOND);
    expect(gatherer.due(100 * SECOND)).toEqual([]);
    expect(gatherer.due(121 * SECOND)).toHaveLength(1);
  });

  test('kinds are gathered apart and come in the order of their first', () => {
    const gatherer = new NoticeGatherer();
    gatherer.add(notice('cluster', 'x'), 0);
    gatherer.add(notice('closed', 'y'), SECOND);
    gatherer.add(notice('cluster', 'z'), 2 * SECOND);
    expect(gatherer.due(70 * SECOND).map(({ title }) => title)).toEqual(['2 new differences', 'closed y']);
  });

  test.each<NoticeKind>(['rollback', 'tripwire', 'step', 'hold', 'returned', 'parity', 'store', 'pin', 'deploy'])(
    '%s waits for nothing',
    (kind) => {
      const gatherer = new NoticeGatherer();
      const urgent = notice(kind, 'a');
      expect(gatherer.add(urgent, 0)).toBe(urgent);
      expect(gatherer.isGathering).toBe(false);
    },
  );
});

describe('the rate', () => {
  test('thirty notices a minute pass; the rest is summed up by kind', () => {
    const rate = new NoticeRate();
    const passed = Array.from({ length: 42 }, (_, i) =>
      rate.admit(notice(i < 35 ? 'step' : 'tripwire', 'a'), i * SECOND),
    );
    expect(passed.filter(Boolean)).toHaveLength(30);
    expect(rate.isHolding).toBe(true);
    expect(rate.due(59 * SECOND, 9)).toBeUndefined();
    expect(rate.due(60 * SECOND, 9)).toMatchObject({
      kind: 'more',
      at: 9,
      title: 'And 12 more: 7 tripwire, 5 step',
      count: 12,
    });
    expect(rate.isHolding).toBe(false);
    expect(rate.admit(notice('step', 'a'), 61 * SECOND)).toBe(true);
  });

  test('a quiet minute sums up nothing', () => {
    const rate = new NoticeRate();
    expect(rate.due(0, 0)).toBeUndefined();
    rate.admit(notice('step', 'a'), 0);
    expect(rate.due(60 * SECOND, 0)).toBeUndefined();
  });
});
