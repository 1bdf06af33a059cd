import { basename } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type PlanRevision, planRevision, planRevisionText, planTaken } from '../../api/plan-types.ts';
import { page } from '../../api/route.ts';
import { clientOf, define, EXIT, parseWhole, type RemoteOptions, reasoned, remote } from '../command.ts';
import { colour, moment, print, printJson, printTable, safe } from '../output.ts';
import { type DiffLine, unifiedDiff } from '../unified-diff.ts';

/** For whoever named a file that is not there. */
export const NAME_ANOTHER = 'Nothing was changed. Name a file that is there: its path counts from this folder.';

interface RevisionsOptions extends RemoteOptions {
  readonly limit: number;
}

/** `cutover revisions`, `cutover revisions show N`. */
export function addRevisions(program: Command): void {
  const command = remote(
    program.command('revisions').description('plans that were in force, newest first: who, when, from where'),
  ).option('--limit <n>', 'how many', parseWhole(1, 200), 20);
  define<RevisionsOptions>(
    command,
    ['cutover revisions', 'cutover revisions --limit 5 --output json'],
    async (options) => {
      const client = clientOf(options);
      const { items } = await client.call('GET', `plan/revisions?limit=${options.limit}`, page(planRevision));
      if (options.output === 'json') printJson(items);
      else if (items.length === 0) print('No plan is kept yet.');
      else {
        printTable(items, [
          { title: 'revision', value: (one) => `${one.revision}${one.inForce ? ' *' : ''}` },
          { title: 'since', value: (one) => moment(one.at) },
          { title: 'by', value: (one) => one.actor, flexible: true },
          { title: 'from', value: fromText, flexible: true },
          { title: 'reason', value: (one) => one.reason, flexible: true, spare: 1 },
        ]);
        print(
          colour.dim('* in force. cutover revisions show N tells what it changed, cutover revert N goes back to it.'),
        );
      }
      return EXIT.done;
    },
  );
  addShow(command);
}

function addShow(revisions: Command): void {
  const command = remote(
    revisions
      .command('show')
      .description('the text of a plan, and what it changed')
      .argument('<revision>', 'its number', parseRevision),
  );
  define<RemoteOptions>(
    command,
    ['cutover revisions show 7', 'cutover revisions show 7 --output json'],
    async (options, given) => {
      const client = clientOf(options);
      const revision = await client.call('GET', `plan/revisions/${String(given)}`, planRevisionText);
      if (options.output === 'json') {
        printJson(revision);
        return EXIT.done;
      }
      print(colour.bold(`Plan revision ${revision.revision}${revision.inForce ? ', in force' : ''}`));
      print(
        `${moment(revision.at)} by ${safe(revision.actor)}, ${safe(fromText(revision))}${revision.reason === '' ? '' : `: ${safe(revision.reason)}`}`,
      );
      print();
      if (revision.before === null) for (const line of revision.text.trimEnd().split('\n')) print(safe(line));
      else {
        const lines = unifiedDiff(revision.before.text, revision.text, 3);
        print(colour.dim(`- revision ${revision.before.revision}, + revision ${revision.revision}`));
        if (lines.length === 0) print('The same text.');
        for (const line of lines) print(diffText(line));
      }
      return EXIT.done;
    },
  );
}

interface RevertOptions extends RemoteOptions {
  readonly reason?: string;
}

/** `cutover revert N`. */
export function addRevert(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('revert')
        .description('go back to an earlier plan, at once; the file on disk stays as it is')
        .argument('<revision>', 'its number: cutover revisions', parseRevision),
    ),
  );
  define<RevertOptions>(command, ["cutover revert 7 --reason 'new rule hides a bug'"], async (options, given) => {
    const body = { revision: Number(given), reason: options.reason ?? '' };
    const done = await clientOf(options).call('POST', 'plan/revert', planTaken, body);
    if (options.output === 'json') printJson(done);
    else {
      const { plan } = done;
      print(
        `The plan of revision ${given} is in force again, as revision ${plan.revision}. Latches, pins and holds stay.`,
      );
      if (plan.file.state === 'differs')
        print(colour.yellow(`${safe(plan.file.name)} says something else: it counts again when it changes.`));
    }
    return EXIT.done;
  });
}

interface ApplyOptions extends RevertOptions {
  readonly ifRevision?: number;
}

/** `cutover apply FILE`. */
export function addApply(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('apply')
        .description(
          'put the plan of a file in force, whole or not at all; the file it was started with stays as it is',
        )
        .argument('<file>', 'a configuration'),
    ),
  ).option('--if-revision <n>', 'only if this plan revision is in force', parseWhole(0, 999_999_999));
  define<ApplyOptions>(
    command,
    ["cutover apply cutover.yaml --reason 'more for beta'", 'cutover apply next.yaml --if-revision 7'],
    async (options, file = '') => {
      const { readConfigText } = await import('../../config/load.ts');
      const text = readConfigText(file, NAME_ANOTHER);
      const done = await clientOf(options).call('POST', 'plan', planTaken, {
        text,
        name: basename(file),
        reason: options.reason ?? '',
        ...(options.ifRevision === undefined ? {} : { ifRevision: options.ifRevision }),
      });
      const { isNew, plan } = done;
      if (options.output === 'json') printJson(done);
      else if (!isNew) print(`Nothing to do: that is plan revision ${plan.revision}, which is in force.`);
      else {
        print(`${safe(file)} is in force, as plan revision ${plan.revision}.`);
        if (plan.file.state === 'differs')
          print(colour.yellow(`${safe(plan.file.name)} says something else: it counts again when it changes.`));
      }
      return EXIT.done;
    },
  );
}

function fromText({ from, of, name }: PlanRevision): string {
  if (from === 'revert') return `back to revision ${of ?? '?'}`;
  return from === 'apply' ? `applied ${name}` : name;
}

function parseRevision(text: string): string {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Give the number of a revision, such as 7.');
  return text;
}

function diffText(line: DiffLine): string {
  if (line.kind === 'gap') return colour.dim(`  … ${line.lines} equal lines`);
  if (line.kind === 'same') return `  ${safe(line.text)}`;
  return line.kind === 'control' ? colour.red(`- ${safe(line.text)}`) : colour.green(`+ ${safe(line.text)}`);
}
