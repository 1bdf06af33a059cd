import type { JSX } from 'preact';
import type { AssessmentView, ProofSheet } from '../api/types.ts';
import { about } from '../core/arrival-pace.ts';
import { ago, count, duration, percent, visible } from './format.ts';
import { Bar } from './overview.tsx';

const KIND_TEXT: Readonly<Record<AssessmentView['kind'], string>> = {
  insufficient: 'not enough yet',
  pass: 'enough for a proof',
  fail: 'speaks against the candidate',
  conflict: 'one test passes, another warns',
  stale: 'too old',
  fault: 'not to be told: a part of Cutover did not work',
};

function Evidence(props: { title: string; assessment: AssessmentView }): JSX.Element {
  const { matches, mismatches, inconclusive, log, needed, bound, requests, tenants, spanMs, kind, etaMs } =
    props.assessment;
  const share = needed <= 0 ? 0 : Math.max(0, Math.min(1, log / needed));
  const text = `${percent(share)} of the evidence that a proof takes`;
  return (
    <>
      <h3>
        {props.title}: {KIND_TEXT[kind]}
      </h3>
      <Bar label={text} parts={[{ share, kind: kind === 'fail' || kind === 'conflict' ? 'mismatch' : 'match' }]} />
      <p class="detail">{text}</p>
      <dl>
        <dt>Comparisons</dt>
        <dd>
          {count(matches)} match, {count(mismatches)} differ, {count(inconclusive)} inconclusive
        </dd>
        <dt>Bound</dt>
        <dd>at most {percent(bound)} of answers differ, as far as this can be said now</dd>
        <dt>Seen</dt>
        <dd>
          {count(requests)} distinct requests of {count(tenants)} {tenants === 1 ? 'tenant' : 'tenants'} over{' '}
          {duration(spanMs)}
        </dd>
        {kind === 'insufficient' && etaMs !== undefined && (
          <>
            <dt>To go</dt>
            <dd>{about(etaMs)} at the present traffic</dd>
          </>
        )}
      </dl>
    </>
  );
}

function Standing(props: { sheet: ProofSheet; now: number }): JSX.Element | null {
  const { proof } = props.sheet;
  if (proof === null) return null;
  return (
    <p class="proof">
      <strong>Proof {overText(proof)}</strong>, made{' '}
      <time dateTime={new Date(proof.at).toISOString()}>{ago(proof.at, props.now)}</time> for candidate{' '}
      {visible(proof.epoch.candidateVersion)} against control {visible(proof.controlVersion)}:{' '}
      {count(proof.assessment.matches)} matches, {count(proof.assessment.mismatches)} mismatches, bound{' '}
      {percent(proof.assessment.bound)}, {count(proof.assessment.tenants)} tenants, {duration(proof.assessment.spanMs)}.
      Of its own: {count(proof.own.matches)} matches.
      {proof.borrowed !== undefined &&
        ` Borrowed: ${count(proof.borrowed.comparisons)} of ${count(proof.borrowed.of)} comparisons are of other cells.`}
    </p>
  );
}

function overText({ over, cohort = '' }: NonNullable<ProofSheet['proof']>): string {
  if (over === 'cell') return 'of its own';
  return over === 'cohort' ? `over the cohort ${visible(cohort)}` : 'over all tenants of the endpoint';
}

/** What a cell serves under, what its evidence says, and what it lacks. */
export function Proof(props: { sheet: ProofSheet; now: number }): JSX.Element {
  const { sheet, now } = props;
  return (
    <>
      <p class="detail">
        {/* A cell that never changed its state has no since. */}
        {sheet.since > 0 && `${sheet.state} since ${ago(sheet.since, now)}: `}
        {visible(sheet.reason)}
        {sheet.closures > 0 && `; closures in this version: ${count(sheet.closures)}`}
        {sheet.isProtected && '; protected, and so opened last'}
        {sheet.class !== undefined && !sheet.isProtected && `; class ${visible(sheet.class)}`}
      </p>
      <Standing sheet={sheet} now={now} />
      {sheet.renewBy !== undefined && <p>It closes without a new proof in {duration(sheet.renewBy - now)}.</p>}
      {sheet.coolUntil !== undefined && sheet.coolUntil > now && (
        <p>Evidence is gathered anew in {duration(sheet.coolUntil - now)}.</p>
      )}
      {sheet.notes?.map((note) => (
        <p key={note} class="detail">
          {visible(note)}
        </p>
      ))}
      <Evidence title="Of this cell" assessment={sheet.own} />
      {sheet.demands === 'endpoint' && <Evidence title="Over the endpoint's tenants" assessment={sheet.pooled} />}
    </>
  );
}
