import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureSecret, openStateDir } from './state-dir.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cutover-state-'));
});
afterEach(() => rm(dir, { recursive: true }));

test('the folder is made for its owner only', async () => {
  const state = await openStateDir(join(dir, 'a', 'b'));
  expect((await stat(state.dir)).mode & 0o777).toBe(0o700);
  state.release();
});

test('a folder that is held is refused by name, and free after its release', async () => {
  const first = await openStateDir(dir);
  await expect(openStateDir(dir)).rejects.toMatchObject({
    code: 'STORE_BUSY',
    message: expect.stringContaining(dir),
  });
  first.release();
  first.release();
  (await openStateDir(dir)).release();
});

test('another process keeps the folder until it dies, however it dies', async () => {
  const from = new URL('./state-dir.ts', import.meta.url).href;
  const script = `import { openStateDir } from ${JSON.stringify(from)};
    await openStateDir(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    await expect(openStateDir(dir)).rejects.toMatchObject({ code: 'STORE_BUSY' });
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  (await openStateDir(dir)).release();
});

test('a folder that cannot be made is refused', async () => {
  await writeFile(join(dir, 'file'), '');
  await expect(openStateDir(join(dir, 'file', 'x'))).rejects.toMatchObject({ code: 'STORE_FAILED' });
});

test('a secret is made once, whoever asks first, and only its owner may read it', async () => {
  const file = join(dir, 'force.key');
  const secrets = await Promise.all(Array.from({ length: 8 }, () => ensureSecret(file, 32)));
  expect(new Set(secrets).size).toBe(1);
  expect(secrets[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(await ensureSecret(file, 32)).toBe(secrets[0]);
  expect((await readFile(file, 'utf8')).trim()).toBe(secrets[0]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(dir)).toEqual(['force.key']);
});

test('a secret that others may read is refused, with what to do', async () => {
  const file = join(dir, 'force.key');
  await ensureSecret(file, 32);
  for (const mode of [0o640, 0o604, 0o620]) {
    await chmod(file, mode);
    await expect(ensureSecret(file, 32)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      hint: expect.stringContaining('chmod 600'),
    });
  }
});

test('a file that holds no secret of that length, and a link, are refused and kept', async () => {
  const file = join(dir, 'force.key');
  await writeFile(file, 'abc', { mode: 0o600 });
  await expect(ensureSecret(file, 32)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  expect(await readFile(file, 'utf8')).toBe('abc');
  await symlink(file, join(dir, 'link'));
  await expect(ensureSecret(join(dir, 'link'), 32)).rejects.toMatchObject({ code: 'STORE_FAILED' });
});
