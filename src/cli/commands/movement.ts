import { type Command, InvalidArgumentError } from 'commander';
import { changed } from '../../api/routes.ts';
import { type AssessmentView, type ProofSheet, proofSheet } from '../../api/types.ts';
import { about } from '../../core/arrival-pace.ts';
import {
  type ChangeOptions,
  clientOf,
  define,
  EXIT,
  type RemoteOptions,
  reasoned,
  remote,
  scoped,
  scopeFlags,
  scopeOf,
  scopeText,
} from '../command.ts';
import { colour, count, moment, print, printJson, safe } from '../output.ts';

/** `cutover hold`: nothing is promoted until `resume`. */
export function addHold(program: Command): void {
  const command = reasoned(
    scoped(remote(program.command('hold').description('promote nothing until cutover resume; what serves goes on'))),
  );
  define<ChangeOptions>(
    command,
    ["cutover hold --reason 'sales season'", "cutover hold --endpoint 'GET /orders/{id}'"],
    async (options) => {
      const scope = scopeOf(options);
      const done = await clientOf(options).call('POST', 'hold', changed, { scope, reason: options.reason ?? '' });
      if (options.output === 'json') printJson(done);
      else {
        print(`Held: ${safe(scopeText(scope))}. Nothing is promoted there; what is wrong is still taken back.`);
        print(colour.dim(`Let it go on with: cutover resume${safe(scopeFlags(scope))}`));
      }
      return EXIT.done;
    },
  );
}

/** `cutover resume`. */
export function addResume(program: Command): void {
  const command = reasoned(
    scoped(remote(program.command('resume').description('lift a hold: evidence promotes again'))),
  );
  define<ChangeOptions>(
    command,
    ['cutover resume', "cutover resume --endpoint 'GET /orders/{id}'"],
    async (options) => {
      const scope = scopeOf(options);
      const done = await clientOf(options).call('POST', 'resume', changed, { scope, reason: options.reason ?? '' });
      if (options.output === 'json') printJson(done);
      else print(`The hold of ${safe(scopeText(scope))} is lifted.`);
      return EXIT.done;
    },
  );
}

/** `cutover deploy SIDE VERSION`. */
export function addDeploy(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('deploy')
        .description('say which version a side runs from now on; a new candidate renews its proofs')
        .argument('<side>', 'control or candidate', parseSide)
        .argument('<version>', 'any text without spaces'),
    ),
  );
  define<ChangeOptions>(
    command,
    ['cutover deploy candidate 2.4.0', 'cutover deploy control 2027-01-31 --output json'],
    async (options, side, version) => {
      const done = await clientOf(options).call('POST', 'deploy', changed, {
        side,
        version,
        reason: options.reason ?? '',
      });
      if (options.output === 'json') printJson(done);
      else print(`The ${side} runs ${safe(version ?? '')} from now on.`);
      return EXIT.done;
    },
  );
}

function parseSide(text: string): string {
  if (text !== 'control' && text !== 'candidate') throw new InvalidArgumentError('Say control or candidate.');
  return text;
}

/** `cutover proof TENANT ENDPOINT`. */
export function addProof(program: Command): void {
  const command = remote(
    program
      .command('proof')
      .description('the proof of one cell: what it rests on, or what is missing')
      .argument('<tenant>')
      .argument('<endpoint>', "such as 'GET /orders/{id}'"),
  );
  define<RemoteOptions>(
    command,
    ["cutover proof acme.example 'GET /orders/{id}'", "cutover proof acme 'GET /' --output json"],
    async (options, tenant, endpoint) => {
      const path = `proofs/${encodeURIComponent(tenant ?? '')}/${encodeURIComponent(endpoint ?? '')}`;
      const sheet = await clientOf(options).call('GET', path, proofSheet);
      if (options.output === 'json') printJson(sheet);
      else printSheet(sheet);
      return EXIT.done;
    },
  );
}

function printSheet(sheet: ProofSheet): void {
  print(`${colour.bold(`${safe(sheet.tenant)} ${safe(sheet.endpoint)}`)} is ${colour.bold(sheet.state)}`);
  print(`since ${moment(sheet.since)}: ${safe(sheet.reason)}`);
  print(`epoch: candidate ${safe(sheet.epoch.candidateVersion)}, rules ${safe(sheet.epoch.rules)}`);
  if (sheet.proof !== null) {
    const { at, over, cohort, epoch, assessment, borrowed, own } = sheet.proof;
    const whole = cohort === undefined ? over : `cohort ${safe(cohort)}`;
    print(`${colour.bold('Proof')} of ${moment(at)} over the ${whole}, candidate ${safe(epoch.candidateVersion)}`);
    print(`  ${assessmentText(assessment)}`);
    if (borrowed !== undefined)
      print(
        `  borrowed: ${count(borrowed.comparisons)} of ${count(borrowed.of)} comparisons are of other cells; of its own ${count(own.matches)} match, ${count(own.mismatches)} differ`,
      );
  }
  for (const { gate, approvals } of sheet.approvals)
    for (const { actor, reason, at } of approvals)
      print(
        `${colour.bold('Approved')} gate ${safe(gate)} by ${safe(actor)} at ${moment(at)}: ${safe(reason) || 'no reason given'}`,
      );
  if (sheet.renewBy !== undefined) print(colour.yellow(`! It closes at ${moment(sheet.renewBy)} without a new proof.`));
  if (sheet.coolUntil !== undefined) print(`It rests until ${moment(sheet.coolUntil)}.`);
  print(`${colour.bold('Own')}      ${assessmentText(sheet.own)}`);
  print(`${colour.bold('Pooled')}   ${assessmentText(sheet.pooled)}`);
  if (sheet.demands === 'none') print('The endpoint demands no proof: the dial alone decides.');
  for (const sentence of sheet.notes ?? []) print(colour.yellow(`! ${safe(sentence)}`));
  for (const sentence of sheet.missing) print(colour.dim(`missing  ${safe(sentence)}`));
}

function assessmentText(assessment: AssessmentView): string {
  const { kind, matches, mismatches, inconclusive, bound, requests, tenants, spanMs, statusClasses, etaMs } =
    assessment;
  const rate = `mismatch rate below ${(bound * 100).toFixed(2)} % (fixed-look bound)`;
  const statuses = statusClasses.length === 0 ? 'none' : statusClasses.map((digit) => `${digit}xx`).join(' ');
  const when = kind === 'insufficient' && etaMs !== undefined ? `; ${about(etaMs)} to go at the present traffic` : '';
  return `${kind}: ${count(matches)} match, ${count(mismatches)} differ, ${count(inconclusive)} inconclusive; ${rate}; ${count(requests)} distinct requests, ${count(tenants)} tenants, answers ${statuses}, over ${about(spanMs)}${when}`;
}
