import type { RampStep } from '../core/ramp.ts';
import type { Finding, Path } from './problem.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';
import { formatShare } from './units.ts';

type File = Salvaged<ConfigFile>;
const PPM = 1_000_000;

/** What is wrong between the fields that say how traffic moves by itself. */
export function movementFindings(file: File): Finding[] {
  return [...evidenceFindings(file), ...rampFindings(file), ...protectedFindings(file)];
}

/** Rates at which a test has nothing to tell apart. */
function evidenceFindings({ evidence, redact }: File): Finding[] {
  const findings: Finding[] = [];
  const check = (
    key: 'cellLimit' | 'pooledLimit' | 'confidence' | 'falseAlarm' | 'power',
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
  const findings = [...stepFindings(['defaults', 'steps'], defaults?.steps, defaults?.max)];
  for (const [index, endpoint] of endpoints.entries()) {
    const max = endpoint?.max ?? defaults?.max;
    const path: Path = ['endpoints', index];
    if (endpoint?.steps !== undefined) findings.push(...stepFindings([...path, 'steps'], endpoint.steps, max));
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

function stepFindings(path: Path, steps: Steps, max: number | undefined): Finding[] {
  const findings: Finding[] = [];
  let highest = 0;
  for (const [index, step] of (steps ?? []).entries()) {
    const at = [...path, index];
    if (step?.kind === 'verify' && index < (steps ?? []).length - 1) {
      findings.push({
        path: at,
        what: 'is verify, which never ends, before other steps',
        expected: 'verify as last step',
      });
    }
    if (step?.kind !== 'dial' || step.dialPpm === undefined) continue;
    if (max !== undefined && step.dialPpm > max) {
      const what = `is a dial of ${formatShare(step.dialPpm)}, which is above max (${formatShare(max)})`;
      findings.push({ path: at, what, expected: `a dial of at most ${formatShare(max)}` });
    }
    if (step.dialPpm <= highest) {
      const what = `is a dial of ${formatShare(step.dialPpm)}, after ${formatShare(highest)}`;
      findings.push({ path: at, what, expected: 'dials that rise from step to step' });
    }
    highest = Math.max(highest, step.dialPpm);
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
