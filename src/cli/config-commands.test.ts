import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../test/support/cli.ts';
import { verifyForceToken } from '../config/force-token.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cutover-cli-config-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const SECRET = 'a-secret-of-this-test-with-enough-characters';
const MINIMAL = 'control: { url: http://127.0.0.1:3000 }\ncandidate: { url: http://127.0.0.1:4000 }\n';

describe('init', () => {
  test('writes a configuration that check calls right', async () => {
    const sides = ['--control', 'http://10.0.0.5:3000', '--candidate', 'http://10.0.0.6:3000'];
    expect(await runCli(['init', ...sides], { cwd: dir })).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(join(dir, 'cutover.yaml'), 'utf8')).toContain('http://10.0.0.6:3000');
    expect(await runCli(['check'], { cwd: dir })).toMatchObject({
      code: 0,
      stderr: '',
      stdout: 'cutover.yaml is right.\n',
    });
  });

  test('never overwrites', async () => {
    writeFileSync(join(dir, 'cutover.yaml'), 'mine');
    const run = await runCli(['init'], { cwd: dir });
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain('cutover.yaml is there already.');
    expect(readFileSync(join(dir, 'cutover.yaml'), 'utf8')).toBe('mine');
  });

  test('writes nothing for an address with a mistake, nor into a folder that is not there: 2', async () => {
    const wrong = await runCli(['init', '--control', 'ftp://x'], { cwd: dir });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('ftp://x');
    const nowhere = await runCli(['init', '--file', 'no/such/folder.yaml'], { cwd: dir });
    expect(nowhere).toMatchObject({ code: 2, stdout: '' });
    expect(nowhere.stderr).toContain('no/such/folder.yaml cannot be written (ENOENT)');
  });
});

describe('check', () => {
  test('I9: says everything at once, with file, line and column: 2', async () => {
    writeFileSync(join(dir, 'cutover.yaml'), `${MINIMAL}defaults:\n  dial: 500%\nlisten: nowhere\ntypo: 1\n`);
    const run = await runCli(['check'], { cwd: dir });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain('cutover.yaml:4:9: defaults.dial');
    expect(run.stderr).toContain('cutover.yaml:5:9: listen');
    expect(run.stderr).toContain('cutover.yaml:6:1: typo');
    expect(run.stderr).toContain('3 problems in cutover.yaml.');
    const json = await runCli(['check', '--output', 'json'], { cwd: dir });
    expect(json).toMatchObject({ code: 2, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      problems: [{ line: 4, column: 9 }, { line: 5 }, { line: 6 }],
    });
  });

  test('a value that would write to the terminal is shown escaped', async () => {
    writeFileSync(join(dir, 'cutover.yaml'), `${MINIMAL}listen: "\\e[2J\\u202e"\n`);
    const run = await runCli(['check'], { cwd: dir });
    expect(run.code).toBe(2);
    expect(run.stderr).not.toContain('\u001b');
    expect(run.stderr).not.toContain('\u202e');
  });

  test.each([
    ['is not there', () => undefined, 'does not exist'],
    ['is a folder', (file: string) => mkdirSync(file), 'is a folder'],
    ['is no text', (file: string) => writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00])), 'is not UTF-8 text'],
    ['is too long', (file: string) => writeFileSync(file, '#'.repeat(1_048_577)), 'is larger than 1048576 bytes'],
  ])('a file that %s is told as run tells it: 2', async (_, make, expected) => {
    make(join(dir, 'cutover.yaml'));
    const [check, run] = [
      await runCli(['check'], { cwd: dir }),
      await runCli(['run', '-c', 'cutover.yaml'], { cwd: dir }),
    ];
    expect(check).toMatchObject({ code: 2, stdout: '' });
    expect(check.stderr.split('\n')[0]).toBe(`The configuration cutover.yaml ${expected}.`);
    expect(run.code).toBe(2);
    expect(run.stderr.split('\n')[0]).toBe(check.stderr.split('\n')[0]);
  });
});

describe('token', () => {
  beforeEach(() => {
    writeFileSync(join(dir, 'cutover.yaml'), `${MINIMAL}trust: { tokenSecret: { env: SECRET_OF_TEST } }\n`);
  });

  test('is one that the proxy accepts, for what was asked and no longer', async () => {
    const args = ['token', '--side', 'candidate', '--tenant', 'acme', '--endpoint', 'GET /a', '--ttl', '2h'];
    const before = Date.now();
    const run = await runCli([...args, '--output', 'json'], { cwd: dir, env: { SECRET_OF_TEST: SECRET } });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const { token, header, expiresAt } = JSON.parse(run.stdout) as { token: string; header: string; expiresAt: number }; // checked below
    expect(header).toBe('x-cutover-token');
    expect(expiresAt).toBeGreaterThanOrEqual(before + 7_200_000);
    const claims = verifyForceToken(SECRET, token, Date.now());
    expect(claims).toEqual({ side: 'candidate', tenant: 'acme', endpoint: 'GET /a', expiresAt });
    expect(verifyForceToken(SECRET, token, expiresAt + 1)).toBeUndefined();
  });

  test('as text is the token alone, ready for a variable', async () => {
    const run = await runCli(['token', '--side', 'control'], { cwd: dir, env: { SECRET_OF_TEST: SECRET } });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(verifyForceToken(SECRET, run.stdout.trim(), Date.now())).toMatchObject({ side: 'control' });
  });

  test('is not made without the secret, for no side, or with a key that the configuration lacks: 2', async () => {
    const unset = await runCli(['token', '--side', 'control'], { cwd: dir });
    expect(unset).toMatchObject({ code: 2, stdout: '' });
    expect(unset.stderr).not.toContain('undefined');
    expect(await runCli(['token', '--side', 'left'], { cwd: dir, env: { SECRET_OF_TEST: SECRET } })).toMatchObject({
      code: 2,
      stdout: '',
    });
    writeFileSync(join(dir, 'cutover.yaml'), MINIMAL);
    const none = await runCli(['token', '--side', 'control'], { cwd: dir });
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toContain('has no trust.tokenSecret');
  });
});

describe('run called wrongly starts nothing: 2', () => {
  test.each([
    [[], 'Neither a configuration nor both sides were given.'],
    [['--control', 'http://127.0.0.1:3000'], 'Neither a configuration nor both sides were given.'],
    [['--control', 'nowhere', '--candidate', 'http://127.0.0.1:4000'], 'nowhere'],
    [['--control', 'http://127.0.0.1:3000', '--candidate', 'http://127.0.0.1:4000', '--listen', 'x'], 'listen'],
    [['-c', 'cutover.yaml', '--listen', '127.0.0.1:0'], 'Either a configuration or addresses, not both.'],
    [['--control', 'http://127.0.0.1:3000', 'extra'], 'too many arguments'],
  ])('%j', async (args, expected) => {
    const run = await runCli(['run', ...args], { cwd: dir });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain(expected);
  });
});
