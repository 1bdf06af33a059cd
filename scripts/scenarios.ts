/**
 * Draws the scenarios of `examples/scenarios` into `docs/pictures/scenarios` and writes the page that shows them:
 * `node scripts/scenarios.ts`. Takes some minutes; seed 1, so that nothing changes unless the product or a scenario does.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { timeText } from '../src/cli/commands/simulate.ts';
import { describeProblem } from '../src/config/problem.ts';
import { scenarioSvg } from '../src/simulation/picture.ts';
import { readScenario } from '../src/simulation/read-scenario.ts';
import type { SimulationResult } from '../src/simulation/result.ts';
import { simulate } from '../src/simulation/simulate.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'examples/scenarios');
const pictures = join(root, 'docs/pictures/scenarios');
/** As a story goes; whatever is not named comes last. */
const ORDER = [
  'healthy-rewrite',
  'one-broken-endpoint',
  'one-broken-tenant',
  'slow-candidate',
  'bad-deployment',
  'low-traffic',
  'noisy-legacy',
  'candidate-down',
  'store-outage',
  'controller-crash',
  'clock-jump',
];

function place(name: string): number {
  const at = ORDER.indexOf(name);
  return at < 0 ? ORDER.length : at;
}

async function section(name: string): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  const text = readFileSync(file, 'utf8');
  const read = readScenario(text, { file, env: {}, baseDir: folder });
  if (!read.ok) throw new Error(read.problems.map(describeProblem).join('\n'));
  const result = await simulate(read.scenario, 1);
  writeFileSync(join(pictures, `${name}.svg`), scenarioSvg(result));
  console.log(`drew ${name}`);
  const { description = '' } = parse(text) as { readonly description?: string };
  return `## ${result.scenario}

${description.trim().replace(/\. (?=[A-Z])/g, '.\n')}

![${result.scenario}: the candidate's share over time](../pictures/scenarios/${name}.svg)

${facts(result)}

[\`examples/scenarios/${name}.yaml\`](../../examples/scenarios/${name}.yaml)`;
}

function facts(result: SimulationResult): string {
  const { cells, timeToOpenMs, timeToDetectMs, clientsHurt, undetected } = result;
  const found = timeToDetectMs.count + undetected;
  return [
    `${cells.opened} of ${cells.total} cells opened, half of them within ${timeText(timeToOpenMs.p50)}; opened wrongly: ${result.falsePromotions}.`,
    `Taken back ${times(result.rollbacks)}, wrongly ${times(result.falseRollbacks)}.`,
    ...(found === 0
      ? []
      : [
          `Of ${found} flaws that put requests at risk ${timeToDetectMs.count} were found, half of them within ${timeText(timeToDetectMs.p50)}.`,
        ]),
    `Requests hurt: ${clientsHurt.requests}.`,
    `Invariants violated: ${result.violations.length}.`,
  ].join('\n');
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

mkdirSync(pictures, { recursive: true });
const names = readdirSync(folder)
  .flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : []))
  .toSorted((one, other) => place(one) - place(other) || (one < other ? -1 : 1));
const sections: string[] = [];
for (const name of names) sections.push(await section(name));
writeFileSync(
  join(root, 'docs/guide/scenarios.md'),
  `<!-- Made by scripts/scenarios.ts; edit that, or the scenarios. -->
# Scenarios, drawn

What the controller does in worlds that are made up: \`cutover simulate --scenario examples/scenarios/NAME.yaml\` tells the same, \`--svg FILE\` draws it.
The pictures are of seed 1; [what a scenario may hold](../reference/scenario.md) says how to write one of your own.

${sections.join('\n\n')}
`,
);
