import { expect, test } from 'vitest';
import { CutoverError } from '../core/errors.ts';
import { createLog, type LogLevel } from './log.ts';

function recorded(level: LogLevel = 'debug'): { log: ReturnType<typeof createLog>; lines: () => unknown[] } {
  const written: string[] = [];
  const log = createLog({ level, write: (line) => written.push(line) });
  return { log, lines: () => written.map((line) => JSON.parse(line) as unknown) };
}

test('a line has the time, the level as a word, the event and its fields', () => {
  const { log, lines } = recorded();
  log.warn('target.unhealthy', { side: 'candidate', failures: 3 });
  expect(lines()).toEqual([
    {
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: 'warn',
      event: 'target.unhealthy',
      side: 'candidate',
      failures: 3,
    },
  ]);
});

test('each line is one line, whatever the fields hold', () => {
  const written: string[] = [];
  createLog({ level: 'info', write: (line) => written.push(line) }).info('x', { text: 'a\nb\u001b[31m\u2028' });
  expect(written).toHaveLength(1);
  expect(written[0]?.trimEnd().includes('\n')).toBe(false);
  expect(written[0]).not.toContain('\u001b');
});

test('lines below the level are not written', () => {
  const { log, lines } = recorded('warn');
  log.debug('a');
  log.info('b');
  log.warn('c');
  log.error('d');
  expect(lines().map((line) => (line as { event: string }).event)).toEqual(['c', 'd']);
});

test('I8: values of fields named like secrets, and bodies and headers, are removed however deep they lie', () => {
  const { log, lines } = recorded();
  log.error('api.fault', {
    token: 'canary-1',
    request: {
      headers: [['cookie', 'canary-2']],
      'X-Api-Key': 'canary-3',
      body: 'canary-4',
      nested: { Set_Cookie: 'canary-5' },
    },
    list: [{ clientSecret: 'canary-6' }],
    tokens: 3,
  });
  const text = JSON.stringify(lines());
  expect(text).not.toMatch(/canary/);
  expect(text).toContain('"tokens":3');
});

test('fields cannot take the place of time, level and event', () => {
  const { log, lines } = recorded();
  log.info('real', { event: 'forged', level: 'debug', time: 0 });
  expect(lines()[0]).toMatchObject({ event: 'real', level: 'info', event_: 'forged', level_: 'debug', time_: 0 });
});

test('an error is written with its message, code and cause', () => {
  const { log, lines } = recorded();
  log.error('store.failed', { error: new CutoverError('STORE_FULL', 'disk full', { cause: new Error('ENOSPC') }) });
  expect(lines()[0]).toMatchObject({
    error: { message: 'disk full', code: 'STORE_FULL', cause: { message: 'ENOSPC' } },
  });
});

test('cyclic, huge and strange values are cut, and a failing write reaches nobody', () => {
  const { log, lines } = recorded();
  const cycle: Record<string, unknown> = {
    text: 'x'.repeat(100_000),
    big: 10n,
    nothing: null,
    bytes: new Uint8Array(9),
  };
  cycle['self'] = cycle;
  log.info('odd', { cycle, many: Array.from({ length: 5_000 }, (_, index) => index), rate: Number.NaN });
  expect(JSON.stringify(lines()[0]).length).toBeLessThan(20_000);
  expect(lines()[0]).toMatchObject({ rate: 'NaN', cycle: { big: '10', nothing: null, bytes: '9 bytes' } });
  const broken = createLog({
    level: 'info',
    write: () => {
      throw new Error('EPIPE');
    },
  });
  expect(() => broken.info('x')).not.toThrow();
});
