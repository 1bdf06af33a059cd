import type { RampStep } from '../core/ramp.ts';
import { fetchSecret, type Surroundings } from './files.ts';
import type { Finding, Path } from './problem.ts';
import type { SecretReference } from './references.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';
import type { Person } from './settings.ts';

type File = Salvaged<ConfigFile>;
type Steps = NonNullable<File['defaults']>['steps'];

/** Follows the references of everybody's token. */
export function fetchPeople(
  { api }: File,
  around: Surroundings,
): { readonly people: readonly Person[]; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const people: Person[] = [];
  for (const [index, person] of (api?.people ?? []).entries()) {
    const path: Path = ['api', 'people', index, 'token'];
    // Salvaged as a whole or not at all: its schema has a transform.
    const reference = person?.token as SecretReference | undefined;
    if (person?.name === undefined || reference === undefined) continue;
    const token = fetchSecret(reference, path, around);
    if ('finding' in token) findings.push(token.finding);
    else if (!/^[\x21-\x7e]{1,512}$/.test(token.value))
      findings.push({ path, what: 'leads to what is no token', expected: 'one word of at most 512 ASCII characters' });
    else if (people.some((other) => other.token === token.value))
      findings.push({ path, what: "leads to somebody else's token", expected: 'a token of their own for each' });
    else people.push({ name: person.name, token: token.value });
  }
  return { people, findings };
}

/** Names that stand twice, and approvers who could never sign in. */
export function peopleFindings(file: File): Finding[] {
  const people = file.api?.people;
  if (people === undefined || people.length === 0) return [];
  const names = [...new Set(people.flatMap((person) => person?.name ?? []))];
  const findings: Finding[] = [];
  for (const [index, person] of people.entries()) {
    const first = people.findIndex((other) => other?.name === person?.name);
    if (person?.name === undefined || first === index) continue;
    const what = `is ${person.name}, which is also that of api.people[${first}]`;
    findings.push({ path: ['api', 'people', index, 'name'], what, expected: 'each name once' });
  }
  for (const { path, step } of gatesOf(file)) {
    for (const [index, name] of step.approvers.entries()) {
      if (names.includes(name)) continue;
      const what = `is ${name}, who is not in api.people and so cannot sign in`;
      findings.push({ path: [...path, 'approvers', index], what, expected: `one of ${names.slice(0, 20).join(', ')}` });
    }
    if (step.approvers.length === 0 && step.approvals > names.length) {
      const what = `is ${step.approvals}, while api.people has ${names.length}`;
      findings.push({ path: [...path, 'approvals'], what, expected: 'at most as many as can sign in' });
    }
  }
  return findings;
}

/** Gates that ask who somebody is, where callers say so themselves. */
export function peopleWarnings(file: File): Finding[] {
  if ((file.api?.people ?? []).length > 0) return [];
  return gatesOf(file)
    .filter(({ step }) => step.approvals > 1 || step.approvers.length > 0)
    .map(({ path, step }) => ({
      path: [...path, 'gate'],
      what: `is ${step.name}, which asks who approves, and callers of the control API say that of themselves`,
      expected: 'api.people, so that each signs in with a token of their own',
      hint: 'Without it the gate keeps mistakes out, not people who mean it: whoever has the token may give any name.',
    }));
}

/** A gate of several people is one of those who can sign in. */
export function signedSteps(steps: readonly RampStep[], people: readonly Person[]): readonly RampStep[] {
  if (people.length === 0) return steps;
  const approvers = people.map(({ name }) => name);
  return steps.map((step) =>
    step.kind === 'gate' && step.approvals > 1 && step.approvers.length === 0 ? { ...step, approvers } : step,
  );
}

function gatesOf({ defaults, endpoints = [] }: File) {
  const within = (path: Path, steps: Steps) =>
    (steps ?? []).flatMap((step, index) => {
      // A step is salvaged as a whole or not at all: its schema has a transform.
      const whole = step as RampStep | undefined;
      return whole?.kind === 'gate' ? [{ path: [...path, 'steps', index], step: whole }] : [];
    });
  return [
    ...within(['defaults'], defaults?.steps),
    ...endpoints.flatMap((endpoint, index) => within(['endpoints', index], endpoint?.steps)),
  ];
}
