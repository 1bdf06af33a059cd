import { describe, expect, test, vi } from 'vitest';
import { Story, timeline } from './demo-story.ts';

describe('the timeline of the demo', () => {
  test.each([60_000, 90_000, 300_000])('of %i ms deploys all releases, in order and in shares of the time', (ms) => {
    const plan = timeline(ms);
    expect(plan.map(({ release }) => release.version)).toEqual(['1.1.0', '1.2.0', '1.3.0', '1.4.0', '1.5.0', '1.5.1']);
    const shares = plan.map(({ atMs }) => atMs / ms);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    // Traffic has a quarter of the time to move, and again after the last release.
    expect((shares[4] ?? 0) - (shares[3] ?? 0)).toBeGreaterThan(0.25);
    expect(1 - (shares[5] ?? 1)).toBeGreaterThan(0.25);
  });

  test('of a short demo is the beginning of the story, not a hurried whole', () => {
    expect(timeline(20_000)).toEqual(timeline(60_000).filter(({ atMs }) => atMs < 20_000));
    expect(timeline(1_000)).toEqual([]);
  });

  test('without end has a release every 15 seconds, and waits twice as long before the bad one', () => {
    const times = timeline(undefined).map(({ atMs }) => atMs / 15_000);
    expect(times).toEqual([1, 2, 3, 4, 6, 7]);
  });
});

describe('the story', () => {
  test('tells the candidate to deploy, and believes a deployment when the candidate says so', () => {
    vi.useFakeTimers();
    try {
      const told: string[] = [];
      const announced: string[] = [];
      const story = new Story({ port: 1, tell: (line) => told.push(line) }, (line) => announced.push(line));
      story.begin(timeline(60_000));
      vi.advanceTimersByTime(10_000);
      expect(told).toEqual(['deploy 1.1.0']);
      expect(story.deployed.map(({ release }) => release.version)).toEqual(['1.0.0']);
      story.heard('deployed 1.1.0');
      story.heard('something else');
      expect(story.deployed.map(({ release }) => release.version)).toEqual(['1.0.0', '1.1.0']);
      expect(announced).toEqual(['deployed 1.1.0: search shows the last result too']);
      story.end();
      vi.advanceTimersByTime(60_000);
      expect(told).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
