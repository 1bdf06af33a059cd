import type { Command } from 'commander';
import { type DifferenceView, type Mismatch, mismatch } from '../../api/types.ts';
import { clientOf, define, EXIT, type RemoteOptions, remote } from '../command.ts';
import { colour, cut, milliseconds, moment, print, printJson, safe, terminalWidth } from '../output.ts';
import { unifiedDiff } from '../unified-diff.ts';

interface ShowOptions extends RemoteOptions {
  readonly full?: true;
}

/** `cutover show ID`: one mismatch with what differs. */
export function addShow(program: Command): void {
  const command = remote(
    program
      .command('show')
      .description('one mismatch: the request and what differs')
      .argument('<id>', 'a mismatch, as clusters and mismatches print it'),
  ).option('--full', 'all lines in which the answers differ, and those between');
  define<ShowOptions>(
    command,
    ['cutover show m3k2a9x01 --full', 'cutover show m3k2a9x01 --output json'],
    async (options, id) => {
      const found = await clientOf(options).call('GET', `mismatches/${encodeURIComponent(id ?? '')}`, mismatch);
      if (options.output === 'json') printJson(found);
      else printMismatch(found, options.full === true ? 'full' : 'short');
      return EXIT.done;
    },
  );
}

function printMismatch(found: Mismatch, length: 'full' | 'short'): void {
  print(`${colour.bold(safe(`${found.method} ${found.target}`))} for ${safe(found.tenant)} (${safe(found.endpoint)})`);
  print(
    colour.dim(
      `${safe(found.id)}, ${moment(found.at)}, ${found.direction}, cluster ${safe(found.cluster)}, versions ${safe(found.versions.control)} and ${safe(found.versions.candidate)}${found.intermittent ? ', not repeated when asked again' : ''}`,
    ),
  );
  const status = (answer: Mismatch['control']): string =>
    answer.failure === undefined ? String(answer.status ?? '?') : `no answer (${safe(answer.failure)})`;
  print(
    `control ${status(found.control)} in ${milliseconds(found.durationsMs.control)}, candidate ${status(found.candidate)} in ${milliseconds(found.durationsMs.candidate)}`,
  );
  print();
  printDifferences(found.differences, found.differenceCount);
  if (found.window === true) print(colour.dim('an event stream that goes on: its first events were compared'));
  printBodies(found, length);
  if (found.request.secrets.length > 0)
    print(colour.dim(`secrets replaced in the stored request: ${found.request.secrets.map(safe).join(', ')}`));
  print(colour.dim(`reproduce it here: cutover repro ${safe(found.id)}`));
}

const PREFIX = { same: ' ', control: '-', candidate: '+' } as const;
/** Of a short picture: about a screen. */
const SHORT_LINES = 40;

/** The two bodies as one text: `-` is the control's, `+` the candidate's. Nothing where they are equal or were not kept. */
function printBodies(found: Mismatch, length: 'full' | 'short'): void {
  const [control, candidate] = [found.control.body, found.candidate.body];
  if (control === undefined || candidate === undefined) return;
  const lines = unifiedDiff(control, candidate, length === 'full' ? Number.MAX_SAFE_INTEGER : 2);
  if (lines.length === 0) return;
  print();
  print(`${colour.red('--- control')}  ${colour.green('+++ candidate')}`);
  const paint = { same: colour.dim, control: colour.red, candidate: colour.green };
  const shown = length === 'full' ? lines : lines.slice(0, SHORT_LINES);
  for (const line of shown) {
    if (line.kind === 'gap') print(colour.cyan(`@@ ${line.lines} equal lines @@`));
    else {
      const text = safe(line.text);
      print(paint[line.kind](`${PREFIX[line.kind]}${length === 'full' ? text : cut(text, terminalWidth() - 1)}`));
    }
  }
  if (shown.length < lines.length) print(colour.dim(`and ${lines.length - shown.length} lines more: --full`));
  print();
}

/** Prints differences, those that speak against the candidate first; noise and ignored ones dimmed. */
export function printDifferences(differences: readonly DifferenceView[], total: number): void {
  const width = terminalWidth() - 14;
  for (const difference of differences) {
    const passed =
      difference.noise ?? (difference.ignored === true ? `ignored by ${difference.rule ?? 'a rule'}` : undefined);
    const head = `${safe(difference.path)}  ${difference.kind}`;
    if (passed !== undefined) {
      print(colour.dim(cut(`  ${head}  (${safe(passed)})`, width + 14)));
      continue;
    }
    print(`  ${colour.bold(cut(head, width + 12))}`);
    print(`    control   ${colour.red(cut(safe(difference.control ?? 'absent'), width))}`);
    print(`    candidate ${colour.green(cut(safe(difference.candidate ?? 'absent'), width))}`);
  }
  if (total > differences.length) print(colour.dim(`  and ${total - differences.length} more`));
}
