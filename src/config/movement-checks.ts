import type { RampStep } from '../core/ramp.ts';
import { classFindings } from './class-checks.ts';
import type { Finding, Path } from './problem.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';
import { formatShare } from './units.ts';

type File = Salvaged<ConfigFile>;
const PPM = 1_000_000;

/** What is wrong between the fields that say how traffic moves by itself. */
export function movementFindings(file: File): Finding[] {
  return [
    ...evidenceFindings(file),
    ...rampFindings(file),
    ...classFindings(file),
    ...pooledFindings(file),
    ...protectedFindings(file),
  ];
}

/** Rates at which a test has nothing to tell apart. */
function evidenceFindings({ evidence, redact }: File): Finding[] {
  const findings: Finding[] = [];
  const check = (
    key: 'cellLimit' | 'pooledLimit' | 'confidence' | 'statusShare' | 'falseAlarm' | 'power',
    low: number,
    high: number,
  ): void => {
    const value = evidence?.[key];
    if (value === undefined || (value >= low && value <= high)) return;
    const expected = `a share from ${formatShare(low)} to ${formatShare(high)}`;
    findings.push({ path: ['evidence', key], what: `is ${formatShare(value)}`, expected });
  };
  check('cellLimit', 10, PPM / 2);
  check('pooledLimit', 10, PPM / 2);
  check('confidence', PPM / 2, PPM - 1);
  check('statusShare', PPM / 1_000, PPM);
  check('falseAlarm', 1, PPM / 10);
  check('power', PPM / 100, PPM);
  if (evidence?.power !== undefined && redact?.bodies !== undefined && redact.bodies !== 'redacted') {
    findings.push({
      path: ['evidence', 'power'],
      what: `is ${formatShare(evidence.power)}, while redact.bodies is ${redact.bodies}`,
      expected: 'redact.bodies: redacted, or no power',
      hint: 'Power is measured by planting faults into recorded answers, and their bodies are not kept.',
    });
  }
  return findings;
}

function rampFindings(file: File): Finding[] {
  const { defaults, endpoints = [] } = file;
  const cohorts = Object.keys(file.cohorts ?? {});
  const findings = [...stepFindings(['defaults', 'steps'], defaults?.steps, { max: defaults?.max, cohorts })];
  for (const [index, endpoint] of endpoints.entries()) {
    const max = endpoint?.max ?? defaults?.max;
    const path: Path = ['endpoints', index];
    if (endpoint?.steps !== undefined)
      findings.push(...stepFindings([...path, 'steps'], endpoint.steps, { max, cohorts }));
    else if (endpoint?.max !== undefined) findings.push(...belowSteps([...path, 'max'], defaults?.steps, endpoint.max));
    // Endpoints of one journey move together: one ladder for all of them.
    const other = endpoints.find((one) => endpoint?.journey !== undefined && one?.journey === endpoint.journey);
    if (endpoint === undefined || other === undefined || other === endpoint) continue;
    if (same(endpoint.steps ?? defaults?.steps, other.steps ?? defaults?.steps)) continue;
    const what = `is ${endpoint.journey}, whose endpoints have different steps`;
    findings.push({ path: [...path, 'journey'], what, expected: 'the same steps for all endpoints of a journey' });
  }
  return findings;
}

/** Salvaged steps; one that is wrong by itself is undefined. */
type Steps = readonly (Salvaged<RampStep> | undefined)[] | undefined;

function same(a: Steps, b: Steps): boolean {
  return JSON.stringify(a ?? []) === JSON.stringify(b ?? []);
}

function stepFindings(path: Path, steps: Steps = [], more: Around): Finding[] {
  return [
    ...steps.flatMap((step, index) => (step === undefined ? [] : orderFindings([...path, index], step, steps))),
    ...dialFindings(path, steps, more),
    ...retireFindings(path, steps),
  ];
}

/** What else is looked at for the steps of one place. */
interface Around {
  readonly max: number | undefined;
  readonly cohorts: readonly string[];
}

/** What never ends comes last, and a gate has a name of its own. */
function orderFindings(at: Path, step: Salvaged<RampStep>, steps: NonNullable<Steps>): Finding[] {
  const index = steps.indexOf(step);
  const isLast = index === steps.length - 1;
  if (step.kind === 'verify' && step.ms === undefined && !isLast) {
    const expected = 'verify as last step, or `for` how long';
    return [{ path: at, what: 'is verify, which never ends, before other steps', expected }];
  }
  if (step.kind === 'retire' && !isLast) {
    return [{ path: at, what: 'is retire, before other steps', expected: 'retire as last step' }];
  }
  const twin = steps.findIndex((one) => one?.kind === 'gate' && step.kind === 'gate' && one.name === step.name);
  if (twin >= 0 && twin < index && step.kind === 'gate') {
    return [
      { path: at, what: `is the gate ${step.name} again`, expected: 'a name of its own for each gate of a ladder' },
    ];
  }
  return [];
}

/** Dials rise from step to step, for everybody and for each cohort and tenant, and stay below `max`. */
function dialFindings(path: Path, steps: NonNullable<Steps>, { max, cohorts }: Around): Finding[] {
  const findings: Finding[] = [];
  const highest = new Map<string, number>();
  for (const [index, step] of steps.entries()) {
    if (step?.kind !== 'dial' || step.dialPpm === undefined) continue;
    const at = [...path, index];
    const { dialPpm } = step;
    if (max !== undefined && dialPpm > max) {
      const what = `is a dial of ${formatShare(dialPpm)}, which is above max (${formatShare(max)})`;
      findings.push({ path: at, what, expected: `a dial of at most ${formatShare(max)}` });
    }
    if (step.cohort !== undefined && !cohorts.includes(step.cohort)) {
      const what = `names the cohort ${step.cohort}, which there is not`;
      findings.push({ path: at, what, expected: `one of ${cohorts.join(', ') || 'no cohorts'}` });
    }
    const everybody = highest.get('') ?? 0;
    const targets = step.cohort === undefined ? (step.tenants ?? ['']) : [`cohort ${step.cohort}`];
    const before = Math.max(everybody, ...targets.map((target) => highest.get(target ?? '') ?? 0));
    if (dialPpm <= before) {
      const what = `is a dial of ${formatShare(dialPpm)}, after ${formatShare(before)}`;
      findings.push({ path: at, what, expected: 'dials that rise from step to step' });
    }
    for (const target of targets) highest.set(target ?? '', Math.max(before, dialPpm));
  }
  return findings;
}

/** What is retired must serve everybody, and somebody or something must have looked at it until the end. */
function retireFindings(path: Path, steps: NonNullable<Steps>): Finding[] {
  const index = steps.length - 1;
  if (steps[index]?.kind !== 'retire') return [];
  const at = [...path, index];
  const findings: Finding[] = [];
  const everybody = steps.some(
    (one) => one?.kind === 'dial' && one.cohort === undefined && one.tenants === undefined && one.dialPpm === PPM,
  );
  if (!everybody)
    findings.push({
      path: at,
      what: 'is retire, while no step has a dial of 100%',
      expected: 'a dial of 100% before it',
    });
  const before = steps[index - 1];
  const isLooked = before?.kind === 'gate' || (before?.kind === 'verify' && before.ms !== undefined);
  if (!isLooked) {
    const what = 'is retire, while the step before it is neither a gate nor {verify: reverse, for: …}';
    findings.push({ path: at, what, expected: 'one of the two right before it' });
  }
  return findings;
}

function belowSteps(path: Path, steps: Steps, max: number): Finding[] {
  const highest = Math.max(0, ...(steps ?? []).map((step) => (step?.kind === 'dial' ? (step.dialPpm ?? 0) : 0)));
  if (highest <= max) return [];
  const what = `is ${formatShare(max)}, which is below a dial of defaults.steps (${formatShare(highest)})`;
  return [{ path, what, expected: `at least ${formatShare(highest)}, or steps of its own` }];
}

function protectedFindings(file: File): Finding[] {
  const findings: Finding[] = [];
  const forced = file.force?.candidate?.tenants ?? [];
  for (const [index, tenant] of (file.protected ?? []).entries()) {
    if (tenant === undefined || !forced.includes(tenant)) continue;
    const what = `is ${tenant}, which force.candidate.tenants serves from the candidate even without proof`;
    findings.push({ path: ['protected', index], what, expected: 'a tenant in one of the two lists' });
  }
  return findings;
}

function pooledFindings({ evidence, cohorts = {} }: File): Finding[] {
  const names = Object.keys(cohorts);
  return (evidence?.cohorts ?? []).flatMap((cohort, index) => {
    if (cohort === undefined || names.includes(cohort)) return [];
    const expected = `one of ${names.slice(0, 20).join(', ') || 'no cohorts'}`;
    return [{ path: ['evidence', 'cohorts', index], what: `is ${cohort}, which is not in cohorts`, expected }];
  });
}
