import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeProblem, loadSettings, parseSettings, settingsFromUrls } from './load.ts';

const SIDES = "control: {url: 'http://127.0.0.1:3000'}\ncandidate: {url: 'http://127.0.0.1:3001'}\n";
const SECRET = 'correct horse battery staple 0123456789';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function parse(text: string, env: Record<string, string> = {}) {
  return parseSettings(text, { file: 'cutover.yaml', env, baseDir: folder });
}

function problemsOf(text: string, env: Record<string, string> = {}): string[] {
  const parsed = parse(text, env);
  return parsed.ok ? [] : parsed.problems.map(describeProblem);
}

describe('I9: a wrong configuration never starts', () => {
  test('a file over 1 MiB is refused before it is parsed', () => {
    expect(problemsOf(`${SIDES}# ${'x'.repeat(1_048_576)}`)).toEqual([
      'cutover.yaml:1:1: is larger than 1MiB; expected a configuration file of at most 1MiB.',
    ]);
  });

  test('a control character in the text is a problem with its place', () => {
    expect(problemsOf(`${SIDES}log: {level: in\u0000fo}\n`)).toContain(
      'cutover.yaml:3:16: holds the control character U+0000; expected text without control characters.',
    );
  });

  test.each([
    ['brackets', '['.repeat(500_000)],
    ['closed brackets', `a: ${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['braces', '{a: '.repeat(200_000)],
    ['dashes', '- '.repeat(300_000)],
    ['question marks', '? '.repeat(300_000)],
    ['one key deeper per line', Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ])('nesting by %s ends in a problem, not in an overflow', (_what, text) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.length).toBeLessThan(50);
  });

  test('whatever the text is, the answer is settings or problems with a place', () => {
    const piece = fc.constantFrom(
      ...[
        'control:',
        ' url: ',
        'http://a',
        '\n',
        '  ',
        '- ',
        '{',
        '}',
        '[',
        ']',
        '&a ',
        '*a',
        '"',
        "'",
        '|',
        '>',
        '!!x ',
        '%',
        '\t',
      ],
      ...[
        '---\n',
        '# ',
        '? ',
        ': ',
        'dial: 5%',
        'null',
        '5',
        '<<: ',
        'endpoints:',
        'compare:',
        'rules:',
        '__proto__: ',
        '\u2028',
      ],
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(piece, { maxLength: 40 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        const parsed = parse(input);
        if (parsed.ok) return;
        expect(parsed.problems.length).toBeGreaterThan(0);
        for (const { line, column } of parsed.problems) {
          expect(line).toBeGreaterThanOrEqual(1);
          expect(column).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('whatever stands in a known place, the answer is settings or problems', () => {
    const key = fc.constantFrom(
      'listen',
      'api',
      'identity',
      'trust',
      'force',
      'cohorts',
      'endpoints',
      'mirror',
      'compare',
      'store',
    );
    fc.assert(
      fc.property(key, fc.jsonValue({ maxDepth: 4 }), (name, value) => {
        const parsed = parse(`${SIDES}${JSON.stringify(name)}: ${JSON.stringify(value)}\n`);
        if (!parsed.ok) expect(parsed.problems.map(({ path }) => path.split(/[.[]/)[0])).toContain(name);
      }),
      { numRuns: 300 },
    );
  });

  test('keys of the language itself are unknown keys', () => {
    expect(problemsOf(`${SIDES}__proto__: {listen: x}\nconstructor: 1\n`)).toEqual([
      expect.stringMatching(/^cutover\.yaml:3:1: __proto__: is not a known key/),
      expect.stringMatching(/^cutover\.yaml:4:1: constructor: is not a known key/),
    ]);
  });

  test('problems come in the order of the file, from every stage of checking at once', () => {
    const paths = problemsPaths(
      'listen: 1\nlisten: 127.0.0.1:3001\n' +
        `${SIDES}defaults: {dial: 9%, max: 1%}\ntrust: {tokenSecret: {env: GONE}}\nstore: {dir: "\${HOME}"}\n`,
    );
    expect(paths).toEqual(['listen', 'candidate.url', 'defaults.dial', 'trust.tokenSecret.env', 'store.dir']);
  });

  function problemsPaths(text: string): string[] {
    const parsed = parse(text);
    return parsed.ok ? [] : parsed.problems.map((problem) => problem.path);
  }
});

describe('I8: a secret never appears in a problem', () => {
  test.each([
    ['inline', `trust: {tokenSecret: "${SECRET}"}`],
    ['in place of a name', 'trust: {tokenSecret: {env: correct_horse_battery_staple}}'],
    ['in place of a file', `trust: {tokenSecret: {file: "${SECRET}"}}`],
    ['under a wrong key', `trust: {tokenSecret: {value: "${SECRET}"}}`],
    ['under an unknown key', `apiKey: "${SECRET}"`],
    ['in a list', `trust: {tokenSecret: ["${SECRET}"]}`],
    ['as an alias', 'trust: {tokenSecret: *correct_horse_battery_staple}'],
    ['as a tag', 'trust: {tokenSecret: !correct_horse_battery_staple x}'],
    ['unquoted with a colon', `trust: {tokenSecret: ${SECRET}: x}`],
    ['in an unclosed quote', `trust: {tokenSecret: "${SECRET}`],
    ['in a URL', `api: {listen: "http://correct horse:${SECRET}@127.0.0.1"}`],
    ['as the file of the token', `api: {tokenFile: "${SECRET}\\a"}`],
    ['twice', `trust: {tokenSecret: "${SECRET}", tokenSecret: "${SECRET}"}`],
    ['from a short variable', 'trust: {tokenSecret: {env: SHORT}}'],
  ])('written %s', (_how, text) => {
    const problems = problemsOf(`${SIDES}${text}\n`, { SHORT: 'correct horse' });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join('\n')).not.toMatch(/correct.horse/);
  });
});

describe('secrets by reference', () => {
  test('come from the environment, or from a file without its last line break', async () => {
    await writeFile(join(folder, 'token.key'), `${SECRET}\n`);
    const fromFile = parse(`${SIDES}trust: {tokenSecret: {file: token.key}}\n`);
    const fromEnvironment = parse(`${SIDES}trust: {tokenSecret: {env: KEY}}\n`, { KEY: SECRET });
    expect(fromFile.ok && fromFile.settings.trust.tokenSecret).toBe(SECRET);
    expect(fromEnvironment.ok && fromEnvironment.settings.trust.tokenSecret).toBe(SECRET);
  });

  test('a file without end is read up to its bound only', () => {
    expect(problemsOf(`${SIDES}trust: {tokenSecret: {file: /dev/zero}}\n`)).toEqual([
      expect.stringContaining('names a file that is larger than 4096 bytes'),
    ]);
  });
});

describe('loading a file', () => {
  test('gives the settings, with paths relative to the file', async () => {
    const file = join(folder, 'right.yaml');
    await writeFile(file, `${SIDES}store: {dir: state}\n`);
    const settings = await loadSettings(file, {});
    expect(settings.store.dir).toBe(join(folder, 'state'));
    expect(settings.api.tokenFile).toBe(join(folder, 'state', 'api-token'));
  });

  test('a wrong file throws every problem with file, line and column', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, `${SIDES}defaults: {dial: 5}\nbogus: 1\n`);
    const error = await loadSettings(file, {}).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    const lines = error instanceof Error ? error.message.split('\n') : [];
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe(
      `${file}:3:18: defaults.dial: is 5; expected a share from 0% to 100% such as 5%. Write "5%".`,
    );
    expect(lines[1]).toMatch(/:4:1: bogus: is not a known key/);
  });

  test('a thousand problems are told as a hundred and the number of the rest', async () => {
    const file = join(folder, 'many.yaml');
    await writeFile(file, SIDES + Array.from({ length: 1_000 }, (_, index) => `bogus${index}: 1\n`).join(''));
    const error = await loadSettings(file, {}).catch((thrown: unknown) => thrown);
    const lines = error instanceof Error ? error.message.split('\n') : [];
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toBe('… and 900 more.');
  });

  test('a file that is too large, not there, a folder or not UTF-8 is told as such', async () => {
    await writeFile(join(folder, 'large.yaml'), SIDES + ' '.repeat(1_048_576));
    await writeFile(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe9, 0x0a]));
    for (const [name, words] of [
      ['large.yaml', 'is larger than 1048576 bytes'],
      ['missing.yaml', 'does not exist'],
      ['.', 'is a folder'],
      ['latin1.yaml', 'is not UTF-8 text'],
    ] as const) {
      const rejection = { code: 'CONFIG_UNREADABLE', message: expect.stringContaining(words) };
      await expect(loadSettings(join(folder, name), {})).rejects.toMatchObject(rejection);
    }
  });

  test('a rule that has ended is a warning, so that a restart serves as before', async () => {
    const file = join(folder, 'ended.yaml');
    await writeFile(file, `${SIDES}compare: {rules: [{name: a, reason: r, ignore: status, until: 2020-01-01}]}\n`);
    const warnings: string[] = [];
    await loadSettings(file, {}, (warning) => warnings.push(warning.path));
    expect(warnings).toEqual(['compare.rules[0].until']);
  });
});

describe('starting without a file', () => {
  const urls = { control: ['http://127.0.0.1:3000'], candidate: ['http://127.0.0.1:3001'] };

  test('two servers are enough, and the rest is as in a file', () => {
    const parsed = parseSettings(SIDES, { file: 'x', env: {}, baseDir: process.cwd() });
    expect(settingsFromUrls(urls)).toEqual(parsed.ok ? parsed.settings : undefined);
  });

  test('ports, folder and anything else can be given', () => {
    const settings = settingsFromUrls({
      ...urls,
      listen: '127.0.0.1:0',
      apiListen: '127.0.0.1:0',
      dir: folder,
      logLevel: 'warn',
      more: { defaults: { dial: '5%', proof: 'none' }, candidate: { firstByteTimeout: '1s' } },
    });
    expect(settings.listen.port).toBe(0);
    expect(settings.api.listen.port).toBe(0);
    expect(settings.store.dir).toBe(folder);
    expect(settings.defaults).toMatchObject({ dialPpm: 50_000, proof: 'none' });
    expect(settings.sides.candidate).toMatchObject({ firstByteTimeoutMs: 1_000, targets: ['http://127.0.0.1:3001'] });
  });

  test('the same checks apply, without a line to point at', () => {
    const start = () => settingsFromUrls({ control: urls.control, candidate: urls.control, listen: '8080' });
    expect(start).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(start).toThrow(
      /^command line: listen: is "8080".*\ncommand line: candidate\.targets\[0\]: is http:\/\/127\.0\.0\.1:3000, which is also/,
    );
  });
});

test('a side that is asked under its own name is known by it, and only such a one', () => {
  const parsed = parse(
    "control: {url: 'http://127.0.0.1:3000'}\ncandidate: {hostHeader: upstream, targets: ['http://New.example:4000', 'https://b.example']}\n",
  );
  expect(parsed.ok && parsed.settings.compare.hosts).toEqual({
    control: [],
    candidate: ['new.example:4000', 'b.example'],
  });
});
