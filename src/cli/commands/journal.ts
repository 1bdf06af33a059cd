import { closeSync, fchmodSync, openSync, writeSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { type JournalView, journalEntry } from '../../api/types.ts';
import type { JournalSource } from '../../app/journal-check.ts';
import { CutoverError } from '../../core/errors.ts';
import type { ChainReport, ReadEntry } from '../../core/journal/chain.ts';
import type { JournalEntry } from '../../core/ports.ts';
import type { ApiClient } from '../api-client.ts';
import { clientOf, define, EXIT, type RemoteOptions, remote } from '../command.ts';
import { type Column, colour, count, moment, print, printError, printJson, safe } from '../output.ts';
import { type ListOptions, listed, page, show } from './lists.ts';

const COLUMNS: readonly Column<JournalView>[] = [
  { title: '#', value: (row) => String(row.sequence), right: true },
  { title: 'at', value: (row) => moment(row.at) },
  { title: 'actor', value: (row) => row.actor, flexible: true },
  {
    title: 'action',
    value: (row) => row.action,
    paint: (text, row) => (row.action === 'rollback' ? colour.red(text) : text),
  },
  { title: 'scope', value: (row) => row.scope, flexible: true },
  { title: 'reason', value: (row) => row.reason, flexible: true },
];

/** `cutover journal`, with `verify` and `export`. */
export function addJournal(program: Command): void {
  const command = listed(program, 'journal', 'every change of who serves, the newest first').option(
    '--action <name>',
    'only this action: rollback, dial.set, cell.opened',
  );
  define<ListOptions>(
    command,
    ['cutover journal --action rollback', 'cutover journal --limit 100 --output json'],
    async (options) => {
      const found = await page(clientOf(options), 'journal', journalEntry, {
        limit: options.limit,
        cursor: options.cursor,
        action: options.action,
      });
      return show(found, options, COLUMNS, 'The journal is empty.');
    },
  );
  // What stands after `verify` or `export` is theirs.
  command.enablePositionalOptions();
  addVerify(command);
  addExport(command);
}

interface SourceOptions extends RemoteOptions {
  readonly state?: string;
  readonly file?: string;
  /** True: that of `CUTOVER_STORE`. */
  readonly store?: string | true;
}

const STORE_OPTION =
  'read the PostgreSQL database of a fleet itself (without url: CUTOVER_STORE); no controller need run';

interface VerifyOptions extends SourceOptions {
  readonly expect?: string;
}

function addVerify(journal: Command): void {
  const command = remote(journal.command('verify').description('check that no entry was changed, added or taken away'))
    .option('--state <folder>', 'read this state folder itself; Cutover need not run')
    .option('--store [url]', STORE_OPTION)
    .option('--file <file>', 'check an export instead')
    .option('--expect <hash>', 'an earlier last hash, which must be there still', parseHash)
    .addHelpText(
      'after',
      `
Each entry has a hash of its words and of the hash before it. The chain shows changed, missing, swapped and added entries.
It cannot show that the newest were cut off, or that all was written anew by somebody who knows how:
keep the last hash somewhere else from time to time, and give it with --expect.
Ends with 1 where something does not fit.`,
    );
  define<VerifyOptions>(
    command,
    [
      'cutover journal verify',
      'cutover journal verify --state cutover-data --expect "$(cat kept-elsewhere)"',
      'cutover journal verify --file journal.ndjson',
      'CUTOVER_STORE=postgres://… cutover journal verify --store',
    ],
    async (options) => {
      const { checkJournal } = await import('../../app/journal-check.ts');
      const source = await sourceOf(options);
      const report = await checkJournal(source, options.expect === undefined ? {} : { expected: options.expect });
      if (options.output === 'json') printJson(report);
      else printReport(report);
      return report.intact ? EXIT.done : EXIT.failed;
    },
  );
}

interface ExportOptions extends SourceOptions {
  readonly out: string;
}

function addExport(journal: Command): void {
  const command = remote(
    journal
      .command('export')
      .description('write the whole journal with its hashes to a file, and check it on the way')
      .requiredOption('--out <file>', 'NDJSON, one entry a line, the oldest first; readable by its owner alone'),
  )
    .option('--state <folder>', 'read this state folder itself; Cutover need not run')
    .option('--store [url]', STORE_OPTION)
    .addHelpText(
      'after',
      '\nEnds with 1 where an entry does not fit; everything that can be read is written all the same.',
    );
  define<ExportOptions>(
    command,
    ['cutover journal export --out journal.ndjson', 'cutover journal export --state cutover-data --out journal.ndjson'],
    async (options) => {
      const { checkJournal, exportLine } = await import('../../app/journal-check.ts');
      const source = await sourceOf(options);
      let written = 0;
      const report = await writing(options.out, (write) =>
        checkJournal(source, {
          each: (entry) => {
            write(exportLine(entry));
            written += 1;
            if (written % PROGRESS_EVERY === 0) printError(`${count(written)} entries written`);
          },
        }),
      );
      if (options.output === 'json') printJson({ out: options.out, written, ...report });
      else {
        print(`${count(written)} ${written === 1 ? 'entry' : 'entries'} written to ${safe(options.out)}`);
        printReport(report);
      }
      return report.intact ? EXIT.done : EXIT.failed;
    },
  );
}

const PROGRESS_EVERY = 10_000;

/** Opens a file for its owner alone, lets it be written, and closes it. */
async function writing<T>(file: string, run: (write: (text: string) => void) => Promise<T>): Promise<T> {
  const attempt = <R>(act: () => R): R => {
    try {
      return act();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CutoverError('USAGE', `The file ${file} cannot be written: ${why}.`, { cause: error });
    }
  };
  const handle = attempt(() => openSync(file, 'w', 0o600));
  try {
    // A file that was there already keeps its mode otherwise.
    attempt(() => fchmodSync(handle, 0o600));
    return await run((text) => attempt(() => writeSync(handle, text)));
  } finally {
    closeSync(handle);
  }
}

async function sourceOf(options: SourceOptions): Promise<JournalSource> {
  const { journalOfDatabase, journalOfFile, journalOfFolder } = await import('../../app/journal-check.ts');
  const { state, file, store, api, dir } = options;
  if ([state, file, store, api ?? dir].filter((place) => place !== undefined).length > 1)
    throw new CutoverError('USAGE', 'The journal is read from one place.', {
      hint: 'Give --state FOLDER, --store URL, --file FILE, or where Cutover runs (--dir, --api).',
    });
  if (file !== undefined) return journalOfFile(file);
  if (store !== undefined) return journalOfDatabase(store === true ? undefined : store);
  return state === undefined ? journalOfApi(clientOf(options)) : journalOfFolder(state);
}

/** Entries of one call. */
const PAGE = 200;

/** The journal of a running Cutover, oldest first, one page in memory. */
async function* journalOfApi(client: ApiClient): AsyncGenerator<ReadEntry> {
  const pages = z.object({ items: z.array(journalEntry), next: z.string().exactOptional() });
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({
      order: 'oldest',
      limit: String(PAGE),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const found = await client.call('GET', `journal?${query}`, pages);
    for (const entry of found.items) yield { ok: true, entry: entry satisfies JournalEntry };
    cursor = found.next;
  } while (cursor !== undefined);
}

function printReport(report: ChainReport): void {
  const { entries, first, last, broken, expected, chainedLater } = report;
  const many = `${count(entries)} ${entries === 1 ? 'entry' : 'entries'}`;
  if (broken !== undefined) {
    print(colour.red(`NOT INTACT. ${safe(broken.why)}`));
    print(entries === 0 ? 'No entry before it fits.' : `${many} before it fit${entries === 1 ? 's' : ''}.`);
  } else print(`${many}, chain intact`);
  if (first !== undefined && last !== undefined) {
    print(`last hash ${last.hash} (entry ${count(last.sequence)})`);
    print(`from ${moment(first.at)} to ${moment(last.at)}`);
  }
  if (chainedLater !== undefined)
    print(
      `Entries 1 to ${count(chainedLater)} are older than the chain: they were chained as they stood at the update.`,
    );
  if (expected?.sequence !== undefined) print(`The expected hash is that of entry ${count(expected.sequence)}.`);
  else if (expected !== undefined)
    print(
      colour.red(
        broken === undefined
          ? `NOT INTACT. No entry has the expected hash ${expected.hash}: entries were cut off, or the journal was written anew.`
          : `The expected hash ${expected.hash} does not come before that.`,
      ),
    );
}

function parseHash(text: string): string {
  const hash = text.trim().toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new InvalidArgumentError('Give a hash of 64 hexadecimal characters.');
  return hash;
}
