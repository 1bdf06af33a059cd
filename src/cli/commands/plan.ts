import { basename } from 'node:path';
import type { Command } from 'commander';
import { type PlanPreview, planPreview } from '../../api/plan-types.ts';
import { clientOf, define, EXIT, type RemoteOptions, remote } from '../command.ts';
import { colour, count, ppm, print, printJson, printTable, safe } from '../output.ts';
import { NAME_ANOTHER } from './revisions.ts';

/** `cutover plan [FILE]`. */
export function addPlan(program: Command): void {
  const command = remote(
    program
      .command('plan')
      .description('what a changed plan would do, before it does it: who moves, which way, what lacks proof')
      .argument('[file]', 'a configuration', 'cutover.yaml'),
  );
  define<RemoteOptions>(
    command,
    ['cutover plan', 'cutover plan next.yaml --output json'],
    async (options, file = '') => {
      const { readConfigText } = await import('../../config/load.ts');
      const input = { text: readConfigText(file, NAME_ANOTHER), name: basename(file) };
      const preview = await clientOf(options).call('POST', 'plan/preview', planPreview, input);
      if (options.output === 'json') printJson(preview);
      else if (!preview.differs)
        print(`Nothing changes: ${safe(file)} says what plan revision ${preview.revision} does.`);
      else printPreview(preview, file);
      return preview.differs ? EXIT.gate : EXIT.done;
    },
  );
}

function printPreview(preview: PlanPreview, file: string): void {
  const { changes, changed, sections, heldBack, notes, refusal, restart } = preview;
  print(colour.dim(`- plan revision ${preview.revision}, in force; + ${safe(file)}`));
  for (const { what, scope, before, after } of changes) {
    if (before !== null) print(colour.red(`- ${safe(what)} ${safe(scope)}: ${safe(before)}`));
    if (after !== null) print(colour.green(`+ ${safe(what)} ${safe(scope)}: ${safe(after)}`));
  }
  if (changed > changes.length) print(colour.dim(`  and ${count(changed - changes.length)} more`));
  if (sections.length > 0) print(`~ ${sections.join(', ')}`);
  print();
  printMovement(preview);
  printUnproven(preview);
  printProofs(preview);
  for (const scope of heldBack) print(`The dial of ${safe(scope)} stays where it is: a latch covers it.`);
  for (const note of notes) print(safe(note));
  if (refusal !== null) {
    const what = refusal.ofFile
      ? 'As it is, the plan would be refused.'
      : 'cutover apply would refuse it; the file itself is taken.';
    print(colour.yellow(`${what} ${safe(refusal.message)} ${safe(refusal.hint)}`));
  }
  if (restart.length > 0) print(colour.yellow('As it is, the plan would be refused: this needs a restart.'));
  for (const line of restart) print(colour.yellow(safe(line)));
}

function printMovement({ movement }: PlanPreview): void {
  const { seen, cells, tenants, subjects, endpoints, isDealtAnew } = movement;
  if (cells === 0) {
    print(`Nobody moves: 0 of ${count(seen.cells)} cells seen.`);
    return;
  }
  print(`${count(cells)} of ${count(seen.cells)} cells move, of ${count(tenants)} of ${count(seen.tenants)} tenants:`);
  const line = (side: string, traffic: number, people: number): void =>
    print(`  to the ${side}  ${ppm(traffic)} of the observed traffic, ${ppm(people)} of the subjects of these cells`);
  line('candidate', movement.toCandidatePpm, subjects.toCandidatePpm);
  line('control  ', movement.toControlPpm, subjects.toControlPpm);
  if (isDealtAnew) print('  A salt differs: people are dealt anew, and the shares are what is to be expected.');
  printTable(endpoints, [
    { title: 'endpoint', value: (one) => one.endpoint, flexible: true },
    { title: 'cells', value: (one) => count(one.cells), right: true },
    { title: 'tenants', value: (one) => count(one.tenants), right: true, spare: 1 },
    { title: 'traffic to candidate', value: (one) => ppm(one.toCandidatePpm), right: true },
    { title: 'to control', value: (one) => ppm(one.toControlPpm), right: true },
  ]);
}

function printProofs({ newEpoch, proofs: { open, renewed, lost } }: PlanPreview): void {
  const cells = (number: number): string => `${count(number)} open ${number === 1 ? 'cell' : 'cells'}`;
  if (newEpoch)
    print(`A new epoch begins, because which differences count changes: the proofs of ${cells(renewed)} are renewed.`);
  if (lost > 0) print(`${cells(lost)} of ${count(open)} lose their proof: their requests are called otherwise.`);
}

function printUnproven({ unproven: { cells, first } }: PlanPreview): void {
  if (cells === 0) return;
  print(`${count(cells)} ${cells === 1 ? 'cell lacks' : 'cells lack'} proof under it, and the control serves them:`);
  printTable(first, [
    { title: 'tenant', value: (one) => one.tenant, flexible: true },
    { title: 'endpoint', value: (one) => one.endpoint, flexible: true },
    { title: 'now', value: (one) => (one.closes ? 'closes' : '') },
    { title: 'missing', value: (one) => one.missing, flexible: true },
  ]);
  if (cells > first.length) print(colour.dim(`and ${count(cells - first.length)} more`));
}
