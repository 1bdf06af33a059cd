import { closeSync, openSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import type { Pair } from '../../app/recorded-traffic.ts';
import { CutoverError } from '../../core/errors.ts';
import { type CommonOptions, clientOf, define, EXIT, parseDuration, type RemoteOptions, remote } from '../command.ts';
import { count, print, printError, printJson, safe } from '../output.ts';

interface ExportOptions extends RemoteOptions {
  readonly out: string;
  readonly since?: number;
  readonly endpoint?: string;
}

/** `cutover export`: recorded traffic as a file of pairs. */
export function addExport(program: Command): void {
  const command = remote(
    program
      .command('export')
      .description('write recorded requests with both answers to a file of pairs, secrets replaced as they are stored')
      .requiredOption('--out <file>', 'NDJSON, one pair a line, as compare, power and replay read it'),
  )
    .option('--since <time>', 'recordings of this last time: 1d, 2h', parseDuration)
    .option('--endpoint <name>', "only this endpoint, such as 'GET /orders/{id}'");
  define<ExportOptions>(
    command,
    ['cutover export --out recorded.ndjson', 'cutover export --since 1d --out recorded.ndjson'],
    async (options) => {
      const { recordings } = await import('../recorded-source.ts');
      const { pairOf } = await import('../../app/recorded-traffic.ts');
      const found = await recordings(clientOf(options), {
        ...(options.since === undefined ? {} : { since: Date.now() - options.since }),
        ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
      });
      const pairs = found.map(pairOf).filter((pair) => pair !== undefined);
      writePairs(options.out, pairs);
      if (options.output === 'json') printJson({ pairs: pairs.length, out: options.out });
      else print(`${count(pairs.length)} pairs written to ${safe(options.out)}`);
      return EXIT.done;
    },
  );
}

interface ImportOptions extends CommonOptions {
  readonly out: string;
}

/** `cutover import`: an HTTP archive, or pairs of another tool, as a file of pairs. */
export function addImport(program: Command): void {
  const command = program
    .command('import')
    .description(
      'make a file of pairs from an HTTP archive (.har) or from NDJSON; what it holds is the control’s answer',
    )
    .argument('<file>', 'an HTTP archive 1.2 whose name ends in .har, or NDJSON')
    .requiredOption('--out <file>', 'NDJSON, one pair a line, as compare, power and replay read it')
    .addHelpText(
      'after',
      '\nSecrets are not replaced: an archive holds the cookies of whoever recorded it.\nEnds with 2 where an entry could not be read; the others are written.',
    );
  define<ImportOptions>(command, ['cutover import session.har --out session.ndjson'], async (options, file) => {
    const { readPairsFile } = await import('../../app/recorded-file.ts');
    const { pairs, bad } = await readPairsFile(file ?? '', (place, message) =>
      printError(safe(`${place}: ${message}`)),
    );
    writePairs(options.out, pairs);
    if (options.output === 'json') printJson({ pairs: pairs.length, bad, out: options.out });
    else
      print(
        `${count(pairs.length)} pairs written to ${safe(options.out)}${bad === 0 ? '' : `, ${count(bad)} left out`}`,
      );
    return bad === 0 ? EXIT.done : EXIT.usage;
  });
}

/** Readable by its owner alone: what is recorded may be anything that was not known to be a secret. */
function writePairs(file: string, pairs: readonly Pair[]): void {
  try {
    const handle = openSync(file, 'w', 0o600);
    try {
      for (const pair of pairs) writeSync(handle, `${JSON.stringify(pair)}\n`);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CutoverError('USAGE', `The file ${file} cannot be written: ${why}.`, { cause: error });
  }
}
