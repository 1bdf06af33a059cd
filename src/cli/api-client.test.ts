import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { actorOf } from '../controller/api-guard.ts';
import { actorName, findApi } from './api-client.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cutover-find-api-'));
  writeFileSync(join(dir, 'api.json'), JSON.stringify({ url: 'http://127.0.0.1:9001', pid: 1 }));
  writeFileSync(join(dir, 'api-token'), 'of-the-folder\n');
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('where the control API is found', () => {
  test('in the state folder, named by option or variable', () => {
    const found = { url: 'http://127.0.0.1:9001', token: 'of-the-folder' };
    expect(findApi({ dir }, {})).toEqual(found);
    expect(findApi({}, { CUTOVER_DIR: dir })).toEqual(found);
  });

  test('options win over variables, and variables over the folder', () => {
    writeFileSync(join(dir, 'mine'), 'of-the-option');
    const environment = { CUTOVER_DIR: dir, CUTOVER_API: 'http://127.0.0.1:9002/', CUTOVER_TOKEN: 'of-the-variable' };
    expect(findApi({}, environment)).toEqual({ url: 'http://127.0.0.1:9002', token: 'of-the-variable' });
    const options = { api: 'https://cutover.example', tokenFile: join(dir, 'mine') };
    expect(findApi(options, environment)).toEqual({ url: 'https://cutover.example', token: 'of-the-option' });
  });

  test('the token lies where the running Cutover said', () => {
    const tokenFile = join(dir, 'elsewhere');
    writeFileSync(tokenFile, 'of-elsewhere');
    writeFileSync(join(dir, 'api.json'), JSON.stringify({ url: 'http://127.0.0.1:9001', tokenFile }));
    expect(findApi({ dir }, {}).token).toBe('of-elsewhere');
  });

  test('an announcement that is damaged is none', () => {
    writeFileSync(join(dir, 'api.json'), '{"url":');
    expect(() => findApi({ dir }, {})).toThrow('No running Cutover is known');
  });

  test.each(['127.0.0.1:9090', 'localhost:9090', 'ftp://localhost', ''])('%j is no address', (api) => {
    expect(() => findApi({ api, dir }, {})).toThrow(/is no address/);
  });

  test('a token of two words or with controls is none, and is not repeated', () => {
    for (const token of ['two words', 'a\u0007b', 'x'.repeat(513)]) {
      expect(() => findApi({ dir }, { CUTOVER_TOKEN: token })).toThrow(
        /^What was given as token for the control API is none\.$/,
      );
    }
  });

  test('a token file that cannot be read is a wrong call', () => {
    expect(() => findApi({ dir, tokenFile: join(dir, 'none') }, {})).toThrow('cannot be read');
  });
});

describe('who orders, for the journal', () => {
  test.each([
    ['ann', 'cli:ann'],
    ['ann.b@example.org', 'cli:ann.b@example.org'],
    ['DOMAIN\\Ann B', 'cli:DOMAIN_Ann_B'],
    ['änn\r\nx: y', 'cli:_nn__x__y'],
    ['', 'cli'],
    ['x'.repeat(100), `cli:${'x'.repeat(64)}`],
  ])('%j is %s, as the control API takes it', (user, expected) => {
    const actor = actorName(() => user);
    expect(actor).toBe(expected);
    expect(actorOf((name) => (name === 'cutover-actor' ? actor : undefined))).toBe(expected);
  });

  test('a process without a name is cli', () => {
    const nameless = (): string => {
      throw new Error('no passwd entry');
    };
    expect(actorName(nameless)).toBe('cli');
  });
});
