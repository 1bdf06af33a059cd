import { describe, expect, test } from 'vitest';
import { TargetHealth } from './target-health.ts';

const passive = { path: undefined, intervalMs: 1_000, timeoutMs: 500, unhealthyAfter: 3, healthyAfter: 2 };
const active = { ...passive, path: '/up' };

describe('traffic only', () => {
  test('three failures in a row make a target unhealthy, two with a success between do not', () => {
    const health = new TargetHealth(passive);
    expect(health.trafficFailed(0, 'reset')).toBeUndefined();
    expect(health.trafficFailed(0, 'reset')).toBeUndefined();
    expect(health.trafficSucceeded()).toBeUndefined();
    expect(health.trafficFailed(0, 'reset')).toBeUndefined();
    expect(health.trafficFailed(0, 'reset')).toBeUndefined();
    expect(health.trafficFailed(0, 'refused')).toEqual({ healthy: false, reason: 'refused' });
    expect(health.trafficFailed(0, 'refused')).toBeUndefined();
    expect(health.healthy).toBe(false);
  });

  test('one probe at a time is due after the interval, and two successes bring the target back', () => {
    const health = new TargetHealth(passive);
    for (let i = 0; i < 3; i += 1) health.trafficFailed(100, 'refused');
    expect(health.probeDue(1_099, true)).toBe(false);
    expect(health.probeDue(1_100, true)).toBe(true);
    expect(health.probeDue(1_100, false)).toBe(false);
    expect(health.probeDue(2_100, false)).toBe(true);
    health.probeBegun();
    expect(health.probeDue(1_200, true)).toBe(false);
    expect(health.trafficSucceeded()).toBeUndefined();
    health.probeEnded();
    expect(health.probeDue(1_200, true)).toBe(true);
    expect(health.trafficSucceeded()).toEqual({ healthy: true, reason: 'answers again' });
    expect(health.probeDue(9_999, true)).toBe(false);
  });

  test('a failed probe puts the next one off and begins the count of successes again', () => {
    const health = new TargetHealth(passive);
    for (let i = 0; i < 3; i += 1) health.trafficFailed(0, 'refused');
    health.trafficSucceeded();
    health.trafficFailed(5_000, 'refused');
    expect(health.probeDue(5_999, true)).toBe(false);
    expect(health.trafficSucceeded()).toBeUndefined();
    expect(health.trafficSucceeded()).toEqual({ healthy: true, reason: 'answers again' });
  });
});

describe('with active checks', () => {
  test('checks take a target out though its traffic goes well, and only checks bring it back', () => {
    const health = new TargetHealth(active);
    for (let i = 0; i < 2; i += 1) {
      expect(health.checkFailed(0, 'status 503')).toBeUndefined();
      health.trafficSucceeded();
    }
    expect(health.checkFailed(0, 'status 503')).toEqual({ healthy: false, reason: 'check: status 503' });
    expect(health.probeDue(99_999, true)).toBe(false);
    for (let i = 0; i < 5; i += 1) expect(health.trafficSucceeded()).toBeUndefined();
    expect(health.checkSucceeded()).toBeUndefined();
    expect(health.checkSucceeded()).toEqual({ healthy: true, reason: 'checks pass again' });
  });

  test('traffic takes a target out though its checks pass', () => {
    const health = new TargetHealth(active);
    for (let i = 0; i < 2; i += 1) {
      health.trafficFailed(0, 'reset');
      health.checkSucceeded();
    }
    expect(health.trafficFailed(0, 'reset')?.healthy).toBe(false);
  });
});
