import { expect, test } from 'vitest';
import { describeProblem, parseSettings } from './load.ts';
import { initTemplate } from './template.ts';

const urls = { control: 'http://127.0.0.1:3000', candidate: 'https://rewrite.example' };
const options = { file: 'cutover.yaml', env: {}, baseDir: '/srv/shop' };

function settingsOf(text: string) {
  const parsed = parseSettings(text, options);
  if (!parsed.ok) throw new Error(parsed.problems.map(describeProblem).join('\n'));
  return parsed.settings;
}

test('the starter file loads cleanly and moves nobody', () => {
  const settings = settingsOf(initTemplate(urls));
  expect(settings.sides.control.targets).toEqual(['http://127.0.0.1:3000']);
  expect(settings.sides.candidate.targets).toEqual(['https://rewrite.example:443']);
  expect(settings.defaults.dialPpm).toBe(0);
});

test('the values the starter file writes out are the defaults', () => {
  const bare = `control: {url: "${urls.control}"}\ncandidate: {url: "${urls.candidate}"}\n`;
  expect(settingsOf(initTemplate(urls))).toEqual(settingsOf(bare));
});

test('the examples in its comments load as well', () => {
  const text = initTemplate(urls)
    .replace('endpoints: []', 'endpoints:')
    .replace('rules: []', 'rules:')
    .replace(/^# {2}(?=[- ])/gm, '  ')
    .replace(/^# {4}(?=[- ])/gm, '    ')
    .replace(/^ {2}# (versionHeader|credentials): /gm, '  $1: ');
  const settings = settingsOf(text);
  expect(settings.endpoints.map(({ method, template }) => `${method} ${template}`)).toEqual([
    'GET /orders/{id}',
    'POST /orders',
    'GET /account/leave',
  ]);
  expect(settings.compare.rules).toHaveLength(1);
  expect(settings.sides.candidate.credentials).toBe('forward');
});

test('an address with a quote cannot break out of its line', () => {
  const parsed = parseSettings(initTemplate({ ...urls, control: 'http://a"\nlisten: 0.0.0.0:1' }), options);
  expect(parsed.ok ? [] : parsed.problems.map((problem) => problem.path)).toEqual(['control.url']);
});
