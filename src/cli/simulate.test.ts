import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from '../../test/support/cli.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cutover-simulate-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const WORLD = `duration: 3m
traffic: {rps: 10, tenants: 2, endpoints: [GET /a]}
plan:
  defaults: {dial: 100%, mirror: 100%}
  evidence: {cellLimit: 10%, pooledLimit: 10%, minSpan: 10s}
`;

test('simulate tells people and machines what became of a world, and draws it', async () => {
  writeFileSync(join(dir, 'world.yaml'), WORLD);
  const told = await runCli(['simulate', '--scenario', 'world.yaml', '--svg', 'world.svg'], { cwd: dir });
  expect(told.code, told.stderr).toBe(0);
  expect(told.stdout).toContain('world, seed 1, 3 m');
  expect(told.stdout).toContain('2 of 2 opened');
  expect(told.stdout).toMatch(/Invariants: [\d,]+ checks, no violation\./);
  expect(readFileSync(join(dir, 'world.svg'), 'utf8')).toMatch(/^<svg /);
  const json = await runCli(['simulate', '--scenario', 'world.yaml', '--seed', '7', '--output', 'json'], { cwd: dir });
  const again = await runCli(['simulate', '--scenario', 'world.yaml', '--seed', '7', '--output', 'json'], { cwd: dir });
  expect(json).toMatchObject({ code: 0, stderr: '' });
  expect(again.stdout).toBe(json.stdout);
  expect(JSON.parse(json.stdout)).toMatchObject({ scenario: 'world', seed: 7, cells: { opened: 2 }, violations: [] });
});

test('simulate says everything that is wrong with a scenario, with file, line and column: 2', async () => {
  writeFileSync(join(dir, 'world.yaml'), 'duration: soon\ntraffic: {rps: 1}\nplan: {defaults: {dial: 5}}\nmore: 1\n');
  const run = await runCli(['simulate', '--scenario', 'world.yaml'], { cwd: dir });
  expect(run).toMatchObject({ code: 2, stdout: '' });
  expect(run.stderr).toContain('world.yaml:1:11: duration: is "soon"');
  expect(run.stderr).toContain('world.yaml:3:25: plan.defaults.dial');
  expect(run.stderr).toContain('world.yaml:4:1: more: is not a known key');
  const missing = await runCli(['simulate', '--scenario', 'no.yaml'], { cwd: dir });
  expect(missing).toMatchObject({ code: 2, stdout: '' });
  expect((await runCli(['simulate'], { cwd: dir })).code).toBe(2);
});
