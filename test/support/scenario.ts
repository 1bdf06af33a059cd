import { describeProblem } from '../../src/config/problem.ts';
import { readScenario } from '../../src/simulation/read-scenario.ts';
import type { SimulationResult } from '../../src/simulation/result.ts';
import type { Scenario } from '../../src/simulation/scenario.ts';
import { simulate } from '../../src/simulation/simulate.ts';

/** The scenario a text describes; throws with every problem of it. */
export function scenarioOf(text: string): Scenario {
  const read = readScenario(text, { file: 'world.yaml', env: {}, baseDir: import.meta.dirname });
  if (read.ok) return read.scenario;
  throw new Error(read.problems.map(describeProblem).join('\n'));
}

/** What is wrong with a text, one line each. */
export function problemsOf(text: string): string[] {
  const read = readScenario(text, { file: 'world.yaml', env: {}, baseDir: import.meta.dirname });
  return read.ok ? [] : read.problems.map(describeProblem);
}

export function happen(text: string, seed = 1): Promise<SimulationResult> {
  return simulate(scenarioOf(text), seed);
}
