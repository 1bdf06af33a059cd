import type { Command } from 'commander';
import type { Recorded } from '../../app/recorded-traffic.ts';
import { CutoverError } from '../../core/errors.ts';
import { type EndpointPower, hiderText, missedFaults } from '../../core/power.ts';
import { define, EXIT, parsePercent, type RemoteOptions, remote } from '../command.ts';
import {
  type Column,
  colour,
  count,
  errorColour,
  percent,
  print,
  printError,
  printJson,
  printTable,
  safe,
} from '../output.ts';

interface PowerOptions extends RemoteOptions {
  readonly pairs?: string;
  readonly learn?: string;
  readonly config?: string;
  readonly atLeast?: number;
}

/** `cutover power`: which faults the rules in force would miss. */
export function addPower(program: Command): void {
  const command = remote(
    program
      .command('power')
      .description('plant known faults into recorded answers, and show which the rules and noise in force would miss')
      .argument('[endpoint]', "only this endpoint, such as 'GET /orders/{id}'"),
  )
    .option('--pairs <file>', 'recorded pairs from a file instead of a running Cutover')
    .option('--learn <file>', 'recorded pairs with controlAgain that teach noise first; with --pairs')
    .option('-c, --config <file>', 'take rules and headers from this configuration: how would they do?')
    .option('--at-least <percent>', 'end with 3 where an endpoint has less power, or none is known', parsePercent)
    .addHelpText(
      'after',
      '\nThe power of an endpoint is the share of planted faults that is found: mean over the kinds of faults.\nNothing is sent to anybody. The same recordings, rules and noise give the same power.',
    );
  define<PowerOptions>(
    command,
    [
      'cutover power',
      "cutover power 'GET /orders/{id}'",
      'cutover power --pairs pairs.ndjson --learn learn.ndjson -c cutover.yaml --at-least 95%',
    ],
    async (options, endpoint) => {
      if (options.learn !== undefined && options.pairs === undefined)
        throw new CutoverError('USAGE', '--learn goes with --pairs.');
      const { sourceOf } = await import('../recorded-source.ts');
      const { measurePower } = await import('../../app/power.ts');
      const { pairs, ...rest } = options;
      const source = await sourceOf(
        { ...rest, ...(pairs === undefined ? {} : { from: pairs }) },
        endpoint === undefined ? {} : { endpoint },
      );
      tellSilent(source.recorded, (await import('../../app/recorded-traffic.ts')).tellingControl);
      const powers = measurePower(source.recorded, source.standard);
      if (options.output === 'json') printJson({ endpoints: powers });
      else printPowers(powers, endpoint !== undefined);
      if (source.bad > 0) return EXIT.usage;
      return isEnough(powers, options.atLeast) ? EXIT.done : EXIT.gate;
    },
  );
}

/**
 * Answers without values are left out: faults planted into marks would be found or missed for no reason of the endpoint's.
 *
 * @throws CutoverError USAGE where there is nothing else.
 */
function tellSilent(recorded: readonly Recorded[], telling: (one: Recorded) => unknown): void {
  const silent = recorded.filter((one) => telling(one) === undefined).length;
  if (silent === 0) return;
  const why = 'bodies were not kept whole, or only their structure (redact.bodies: none or structure)';
  if (silent === recorded.length)
    throw new CutoverError('USAGE', `Power cannot be measured from ${silent} recorded answers: ${why}.`, {
      hint: 'Measure it from pairs recorded with redact.bodies: redacted, in a test environment for instance: --pairs FILE.',
    });
  printError(
    errorColour.yellow(`${count(silent)} of ${count(recorded.length)} recorded answers are left out: ${why}.`),
  );
}

function isEnough(powers: readonly EndpointPower[], leastPpm: number | undefined): boolean {
  if (leastPpm === undefined) return true;
  return powers.length > 0 && powers.every(({ power }) => power !== null && power * 1_000_000 >= leastPpm);
}

const COLUMNS: readonly Column<EndpointPower>[] = [
  { title: 'endpoint', value: (row) => row.endpoint, flexible: true },
  { title: 'power', value: (row) => percent(row.power), right: true },
  { title: 'answers', value: (row) => count(row.answers), right: true, spare: 2 },
  { title: 'faults', value: (row) => count(row.faults.length), right: true, spare: 1 },
  { title: 'missed', value: (row) => count(missedFaults(row).length), right: true },
  { title: 'hidden most by', value: (row) => worst(row), flexible: true },
];

function worst(power: EndpointPower): string {
  const sums = new Map<string, number>();
  for (const hider of missedFaults(power).flatMap(({ hiddenBy }) => hiddenBy))
    sums.set(hiderText(hider), (sums.get(hiderText(hider)) ?? 0) + hider.count);
  return [...sums].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}

function printPowers(powers: readonly EndpointPower[], isOne: boolean): void {
  if (powers.length === 0) {
    print('Nothing is recorded yet: recordings come with mirrored requests, the first within a second.');
    return;
  }
  if (!isOne) printTable(powers, COLUMNS);
  for (const power of isOne ? powers : powers.filter((one) => missedFaults(one).length > 0).slice(0, 10)) {
    print();
    print(
      `${colour.bold(safe(power.endpoint))}  ${percent(power.power)} of ${power.faults.length} faults found in ${power.answers} recorded answers`,
    );
    for (const fault of missedFaults(power)) {
      const hiders = fault.hiddenBy.map(
        (hider) => `${safe(hiderText(hider))}${hider.count === 1 ? '' : ` (${hider.count})`}`,
      );
      print(
        `  ${colour.red('missed')}  ${safe(fault.fault)} (${fault.planted - fault.found} of ${fault.planted}): ${safe(fault.says)}`,
      );
      print(`          hidden by ${hiders.join(', ')}`);
    }
    for (const { rule, faults, hidden } of power.rules)
      print(
        `  ${colour.yellow('cost')}    rule ${safe(rule)} alone hides ${hidden} plantings of ${faults.length} faults: ${safe(faults.join(', '))}`,
      );
    if (power.noiseHides > 0) print(colour.dim(`  learned noise hides ${power.noiseHides} plantings`));
  }
}
