import { type Command, InvalidArgumentError } from 'commander';
import { type NoticeTargetView, type NoticeTestResult, noticeTarget, noticeTest } from '../../api/notice-types.ts';
import { clientOf, define, EXIT, type RemoteOptions, remote } from '../command.ts';
import { type Column, colour, count, milliseconds, moment, print, printJson, printTable, safe } from '../output.ts';

const COLUMNS: readonly Column<NoticeTargetView>[] = [
  { title: 'target', value: ({ name }) => name },
  { title: 'format', value: ({ format }) => format, spare: 3 },
  { title: 'address', value: ({ address }) => address, flexible: true, spare: 4 },
  { title: 'told of', value: ({ on }) => on.join(', '), flexible: true, spare: 5 },
  { title: 'sent', value: ({ sent }) => count(sent), right: true },
  { title: 'failed', value: ({ failed }) => count(failed), right: true },
  { title: 'dropped', value: ({ dropped }) => count(dropped), right: true, spare: 1 },
  { title: 'waiting', value: ({ waiting }) => count(waiting), right: true, spare: 2 },
  { title: 'last sent', value: ({ lastSentAt }) => (lastSentAt === null ? '–' : moment(lastSentAt)) },
];

/** `cutover notify`: who is told, and a test of it. */
export function addNotify(program: Command): void {
  const command = remote(
    program
      .command('notify')
      .description('who is told of changes, and how that went; test sends a test notice')
      .argument('[verb]', 'test', parseVerb)
      .argument('[name]', 'with test: only this target'),
  );
  define<RemoteOptions>(
    command,
    ['cutover notify', 'cutover notify test', 'cutover notify test chat --output json'],
    async (options, verb, name) => (verb === undefined ? showTargets(options) : test(options, name)),
  );
}

async function showTargets(options: RemoteOptions): Promise<number> {
  const items = await clientOf(options).all('notify', noticeTarget);
  if (options.output === 'json') {
    printJson({ items });
    return EXIT.done;
  }
  if (items.length === 0) {
    print('Nobody is told: there is no target under notify in cutover.yaml.');
    return EXIT.done;
  }
  printTable(items, COLUMNS);
  for (const { name, trouble } of items) if (trouble !== '') print(colour.red(`${safe(name)}: ${safe(trouble)}`));
  return EXIT.done;
}

async function test(options: RemoteOptions, name: string | undefined): Promise<number> {
  const done = await clientOf(options).call('POST', 'notify/test', noticeTest, name === undefined ? {} : { name });
  if (options.output === 'json') printJson(done);
  else for (const result of done.results) print(testText(result));
  return done.results.every(({ ok }) => ok) ? EXIT.done : EXIT.failed;
}

function testText({ name, ok, status, answer, durationMs }: NoticeTestResult): string {
  const mark = ok ? colour.green('✓') : colour.red('✗');
  const said = [status === null ? undefined : String(status), answer === '' ? undefined : answer].filter(
    (part) => part !== undefined,
  );
  return `${mark} ${safe(name)}  ${safe(said.join(': '))} (${milliseconds(durationMs)})`;
}

function parseVerb(text: string): string {
  if (text === 'test') return text;
  throw new InvalidArgumentError('Say test, or nothing.');
}
