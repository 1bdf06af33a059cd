import { existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { CutoverError } from '../../core/errors.ts';
import { type CommonOptions, define, EXIT, parseDuration } from '../command.ts';
import { errorColour, print, printError, printJson, safe } from '../output.ts';

interface InitOptions extends CommonOptions {
  readonly control: string;
  readonly candidate: string;
  readonly file: string;
}

/** `cutover init`. */
export function addInit(program: Command): void {
  const command = program
    .command('init')
    .description('write a configuration to start from')
    .option('--control <url>', 'address of the live service', 'http://127.0.0.1:3000')
    .option('--candidate <url>', 'address of its rewrite', 'http://127.0.0.1:4000')
    .option('-o, --file <file>', 'where to write it', 'cutover.yaml');
  define<InitOptions>(
    command,
    ['cutover init --control http://10.0.0.5:3000 --candidate http://10.0.0.6:3000', 'cutover init -o staging.yaml'],
    async (options) => {
      const { describeProblem, parseSettings } = await import('../../config/load.ts');
      const { initTemplate } = await import('../../config/template.ts');
      const text = initTemplate({ control: options.control, candidate: options.candidate });
      // What cannot be loaded must not be written: an address with a mistake in it shows here.
      const parsed = parseSettings(text, { file: options.file, env: {}, baseDir: dirname(resolve(options.file)) });
      if (!parsed.ok) throw new CutoverError('CONFIG_INVALID', parsed.problems.map(describeProblem).join('\n'));
      if (existsSync(options.file))
        throw new CutoverError('CONFLICT', `${options.file} is there already.`, {
          hint: 'Name another one with --file; init never overwrites.',
        });
      writeNew(options.file, text);
      if (options.output === 'json') printJson({ file: options.file });
      else print(`Wrote ${options.file}. Next: cutover check -c ${options.file}, then cutover run -c ${options.file}`);
      return EXIT.done;
    },
  );
}

function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new CutoverError('USAGE', `${file} cannot be written (${code}).`, {
      hint: 'Name a file in a folder that is there and yours: --file FILE.',
      cause: error,
    });
  }
}

interface CheckOptions extends CommonOptions {
  readonly config: string;
}

/** `cutover check`. */
export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .description('say everything that is wrong with a configuration, without starting anything')
    .option('-c, --config <file>', 'the configuration', 'cutover.yaml');
  define<CheckOptions>(command, ['cutover check', 'cutover check -c staging.yaml --output json'], async (options) => {
    const { readSmallFile } = await import('../../config/files.ts');
    const { describeProblem, parseSettings } = await import('../../config/load.ts');
    const { MAX_FILE_BYTES } = await import('../../config/yaml-source.ts');
    const read = readSmallFile(options.config, MAX_FILE_BYTES);
    if ('problem' in read)
      throw new CutoverError('CONFIG_UNREADABLE', `The configuration ${options.config} ${read.problem}.`, {
        hint: 'cutover init writes one to start from; -c names another file.',
      });
    const parsed = parseSettings(read.value, {
      file: options.config,
      env: process.env,
      baseDir: dirname(resolve(options.config)),
    });
    const problems = parsed.ok ? [] : parsed.problems;
    const warnings = parsed.ok ? parsed.warnings : [];
    const url = parsed.ok ? parsed.settings.store.url : undefined;
    const { checkStore } = await import('../../app/check-store.ts');
    // What is wrong with the store is told as any failure is, and nothing else is: the configuration is right.
    const store = url === undefined ? undefined : await checkStore(url);
    if (options.output === 'json')
      printJson({ ok: parsed.ok, problems, warnings, ...(store === undefined ? {} : { store }) });
    else {
      for (const problem of problems) printError(errorColour.red(safe(describeProblem(problem))));
      for (const warning of warnings) printError(errorColour.yellow(safe(describeProblem(warning))));
      if (store !== undefined) print(safe(store));
      if (parsed.ok) print(`${options.config} is right.`);
      else printError(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in ${options.config}.`);
    }
    return parsed.ok ? EXIT.done : EXIT.usage;
  });
}

interface TokenOptions extends CommonOptions {
  readonly config: string;
  readonly side: string;
  readonly tenant?: string;
  readonly endpoint?: string;
  readonly ttl: number;
}

/** `cutover token`. */
export function addToken(program: Command): void {
  const command = program
    .command('token')
    .description('sign a token that lets a request choose its side (header x-cutover-token)')
    .requiredOption('--side <side>', 'control or candidate')
    .option('--tenant <name>', 'only for this tenant')
    .option('--endpoint <name>', 'only for this endpoint')
    .addOption(
      new Option('--ttl <time>', 'how long it is good for, at most 24h')
        .argParser(parseDuration)
        .default(3_600_000, '1h'),
    )
    .option('-c, --config <file>', 'the configuration, whose trust.tokenSecret signs', 'cutover.yaml');
  define<TokenOptions>(
    command,
    ['cutover token --side candidate --tenant acme --ttl 2h', "cutover token --side control --endpoint 'GET /a'"],
    async (options) => {
      const { MAX_TOKEN_LIFE_MS, signForceToken } = await import('../../config/force-token.ts');
      const { loadSettings } = await import('../../config/load.ts');
      if (options.side !== 'control' && options.side !== 'candidate')
        throw new CutoverError('USAGE', `${options.side} is no side.`, {
          hint: 'Say --side control or --side candidate.',
        });
      if (options.ttl > MAX_TOKEN_LIFE_MS)
        throw new CutoverError('USAGE', 'A token is good for 24 h at most.', {
          hint: 'For longer, pin the tenant: cutover pin.',
        });
      const settings = await loadSettings(options.config, process.env);
      const secret = settings.trust.tokenSecret;
      if (secret === undefined)
        throw new CutoverError(
          'CONFIG_INVALID',
          `${options.config} has no trust.tokenSecret, so no token is accepted.`,
          {
            hint: 'Add trust: { tokenSecret: { env: CUTOVER_TOKEN_SECRET } }.',
          },
        );
      const expiresAt = Date.now() + options.ttl;
      const token = signForceToken(secret, {
        side: options.side,
        ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
        ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
        expiresAt,
      });
      if (options.output === 'json') printJson({ token, header: 'x-cutover-token', expiresAt });
      else print(token);
      return EXIT.done;
    },
  );
}
