import { describe, expect, test } from 'vitest';
import { EpochWatch } from './epoch-watch.ts';

const seen = (watch: EpochWatch, candidate: string, now = 1, control = 'c1') => watch.seen({ control, candidate }, now);

/** The watch after a restart, with what it had saved. */
const restarted = (watch: EpochWatch): EpochWatch => new EpochWatch(JSON.parse(JSON.stringify(watch)));

/** A watch whose candidate was told these versions, a second apart. */
function watching(...versions: readonly string[]): EpochWatch {
  const watch = new EpochWatch(undefined);
  for (const [index, version] of versions.entries()) seen(watch, version, index + 1);
  return watch;
}

describe('a comparison', () => {
  test.each<[what: string, before: readonly string[], now: string, told: string, present: string]>([
    ['of a candidate that tells nothing is of the present version', ['v1'], 'unknown', 'same', 'v1'],
    ['of the present version is no news', ['v1'], 'v1', 'same', 'v1'],
    ['that tells a version for the first time names what ran all along', [], 'v1', 'named', 'v1'],
    ['of a version never seen begins an epoch', ['v1'], 'v2', 'began', 'v2'],
    ['of the version before is on its way out', ['v1', 'v2'], 'v1', 'other', 'v2'],
    ['of a version before that is so too', ['v1', 'v2', 'v3'], 'v1', 'other', 'v3'],
  ])('%s', (_, before, now, told, present) => {
    const watch = watching(...before);
    expect([seen(watch, now, 99), watch.candidate]).toEqual([told, present]);
  });

  test('of the version before begins an epoch when it is the twentieth in a row: somebody went back to it', () => {
    const watch = watching('v1', 'v2');
    for (let n = 1; n < 20; n++) expect(seen(watch, 'v1')).toBe('other');
    expect(seen(watch, 'v1')).toBe('began');
    expect(watch.candidate).toBe('v1');
    // And v2 is now the one that is on its way out.
    expect(seen(watch, 'v2')).toBe('other');
  });

  test('of the present version breaks the row', () => {
    const watch = watching('v1', 'v2');
    for (let n = 0; n < 100; n++) expect(seen(watch, n % 19 === 18 ? 'v2' : 'v1')).not.toBe('began');
    expect(watch.candidate).toBe('v2');
  });

  test('tells the version of the control, and no epoch begins by it', () => {
    const watch = watching('v1');
    expect(seen(watch, 'v1', 5, 'c2')).toBe('same');
    expect(watch.control).toBe('c2');
    seen(watch, 'v1', 6, 'unknown');
    expect(watch.control).toBe('c2');
  });
});

describe('an announcement', () => {
  test.each<[what: string, version: string, at: number, isNew: boolean, present: string]>([
    ['of another version', 'v3', 50, true, 'v3'],
    ['of the present one is no news', 'v2', 50, false, 'v2'],
    ['that is older than what answers told since does not count', 'v1', 1, false, 'v2'],
    ['of an earlier version, made later, is a going back', 'v1', 50, true, 'v1'],
  ])('%s', (_, version, at, isNew, present) => {
    const watch = watching('v1', 'v2');
    expect([watch.announced('candidate', version, at), watch.candidate]).toEqual([isNew, present]);
  });

  test('of the control is known apart', () => {
    const watch = watching('v1');
    expect(watch.announced('control', 'c9', 0)).toBe(true);
    expect([watch.control, watch.candidate]).toEqual(['c9', 'v1']);
  });
});

describe('a restart', () => {
  test('goes on with the versions as they were, and what they were before', () => {
    const watch = restarted(watching('v1', 'v2'));
    expect([watch.candidate, watch.control, watch.savedCandidate]).toEqual(['v2', 'c1', 'v2']);
    expect(seen(watch, 'v1')).toBe('other');
    expect(seen(watch, 'v2')).toBe('same');
  });

  test('hears the same announcement again without an epoch, and an older one not at all', () => {
    const watch = watching('v1');
    watch.announced('candidate', 'v2', 10);
    expect(restarted(watch).announced('candidate', 'v2', 10)).toBe(false);
    // Answers told another name after it was announced: that is what runs, whatever the announcement is called.
    seen(watch, 'build-7', 20);
    const next = restarted(watch);
    expect(next.announced('candidate', 'v2', 10)).toBe(false);
    expect([next.candidate, next.savedCandidate]).toEqual(['build-7', 'build-7']);
  });

  test('forgets what cannot be read, and no more', () => {
    for (const saved of [null, 7, 'x', { candidate: 7, past: 'v1', since: 'now' }])
      expect(new EpochWatch(saved).candidate).toBe('unknown');
    expect(new EpochWatch({ candidate: 'v2', past: [7, 'v1'] }).seen({ control: 'c', candidate: 'v1' }, 1)).toBe(
      'other',
    );
  });

  test('knows a hundred earlier versions; an older one that comes back begins an epoch at once', () => {
    const watch = restarted(watching(...Array.from({ length: 102 }, (_, n) => `v${n}`)));
    expect(seen(watch, 'v1')).toBe('other');
    expect(seen(watch, 'v0')).toBe('began');
  });
});
