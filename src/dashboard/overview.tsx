import type { ComponentChildren, JSX } from 'preact';
import type { Quantiles, Status } from '../api/types.ts';
import { count, milliseconds, percent, visible } from './format.ts';
import { unlock } from './live.ts';
import { ParityLine } from './parity-line.tsx';

function Tile(props: { label: string; value: string; detail: string; children?: ComponentChildren }): JSX.Element {
  return (
    <section class="tile" aria-label={props.label}>
      <h2>{props.label}</h2>
      <p class="figure">{props.value}</p>
      {props.children}
      <p class="detail">{props.detail}</p>
    </section>
  );
}

/** A bar of parts of one whole; `parts` are shares of 0 to 1 with a class that colours them. */
export function Bar(props: {
  label: string;
  parts: readonly { readonly share: number; readonly kind: string }[];
}): JSX.Element {
  let at = 0;
  return (
    <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label={props.label}>
      <rect class="empty" width="100" height="4" />
      {props.parts.map((part) => {
        const x = at;
        at += part.share * 100;
        return <rect key={part.kind} class={part.kind} x={x} width={part.share * 100} height="4" />;
      })}
    </svg>
  );
}

function LatencyRow(props: { name: string; kind: string; values: Quantiles; longest: number }): JSX.Element {
  const { p50, p95, p99 } = props.values;
  const width = (value: number | null): number =>
    value === null || props.longest === 0 ? 0 : (value / props.longest) * 100;
  return (
    <tr>
      <th scope="row">{props.name}</th>
      <td class="picture">
        <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
          <rect class={`${props.kind} faint`} y="2" width={width(p99)} height="6" />
          <rect class={`${props.kind} half`} y="2" width={width(p95)} height="6" />
          <rect class={props.kind} y="2" width={width(p50)} height="6" />
        </svg>
      </td>
      <td>{milliseconds(p50)}</td>
      <td>{milliseconds(p95)}</td>
      <td>{milliseconds(p99)}</td>
    </tr>
  );
}

function Latency(props: { status: Status }): JSX.Element {
  const { control, candidate, added } = props.status.latencyMs;
  const longest = Math.max(control.p99 ?? 0, candidate.p99 ?? 0, added.p99 ?? 0);
  return (
    <section class="tile wide" aria-label="Latency">
      <h2>Latency of both sides</h2>
      <table class="latency">
        <thead>
          <tr>
            <td />
            <td />
            <th scope="col">p50</th>
            <th scope="col">p95</th>
            <th scope="col">p99</th>
          </tr>
        </thead>
        <tbody>
          <LatencyRow name="control" kind="control" values={control} longest={longest} />
          <LatencyRow name="candidate" kind="candidate" values={candidate} longest={longest} />
          <LatencyRow name="added by Cutover" kind="added" values={added} longest={longest} />
        </tbody>
      </table>
    </section>
  );
}

function Sides(props: { status: Status }): JSX.Element {
  return (
    <section class="tile" aria-label="Sides">
      <h2>Sides</h2>
      {(['control', 'candidate'] as const).map((side) => (
        <div key={side} class="side">
          <p>
            <span class={`dot ${side}`} /> <strong>{side}</strong>{' '}
            <span class="detail">version {props.status.sides[side].version}</span>
          </p>
          <ul>
            {props.status.sides[side].targets.map((target) => (
              <li key={target.target}>
                {target.target}{' '}
                <span class={target.healthy ? 'good' : 'bad'}>
                  {target.healthy ? 'healthy' : `unhealthy: ${target.reason}`}
                </span>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

/** What fixing up to three clusters would open: the next thing to do. */
function Gain(): JSX.Element | null {
  const plan = unlock.value?.plans.filter(({ fixes }) => fixes <= 3).at(-1);
  if (plan === undefined) return null;
  return (
    <p class="banner gain">
      <strong>{plan.sentence}</strong>{' '}
      <span class="detail">They are marked below; cells open as clean comparisons come in.</span>
    </p>
  );
}

/** What everyone wants to know first: how alike the sides are, who serves, how fast, and what is wrong. */
export function Overview(props: { status: Status }): JSX.Element {
  const { status } = props;
  const share = status.candidatePpm / 1_000_000;
  const { match, ignored, mismatch, inconclusive } = status.verdicts;
  const total = match + ignored + mismatch + inconclusive;
  const part = (value: number): number => (total === 0 ? 0 : value / total);
  return (
    <>
      {status.latches.map((latch) => (
        <p key={latch.at} class="banner bad" role="alert">
          Rolled back{' '}
          {Object.keys(latch.scope).length === 0
            ? 'everywhere'
            : `for ${[latch.scope.tenant, latch.scope.endpoint, latch.scope.cohort].filter((part) => part !== undefined).join(' ')}`}{' '}
          by {latch.actor}
          {latch.reason === '' ? '' : `: ${latch.reason}`}. The control serves until someone lifts the latch.
        </p>
      ))}
      {status.frozen !== undefined && (
        <p class="banner warn" role="alert">
          Frozen until {new Date(status.frozen.until).toLocaleString()} (
          {visible(status.frozen.actor ?? status.frozen.name)}
          {status.frozen.reason ? `: ${visible(status.frozen.reason)}` : ''}): nothing is raised or opened; rollback
          works.
        </p>
      )}
      {status.warnings.map((warning) => (
        <p key={warning} class="banner warn" role="alert">
          {warning}
        </p>
      ))}
      <Gain />
      <div class="tiles">
        <Tile
          label="Parity"
          value={percent(status.parity)}
          detail={`${count(match)} match, ${count(mismatch)} differ, ${count(ignored)} ignored, ${count(inconclusive)} inconclusive`}
        >
          <Bar
            label={`${count(match)} of ${count(total)} comparisons match`}
            parts={[
              { share: part(match), kind: 'match' },
              { share: part(ignored), kind: 'ignored' },
              { share: part(mismatch), kind: 'mismatch' },
              { share: part(inconclusive), kind: 'inconclusive' },
            ]}
          />
          <ParityLine />
        </Tile>
        <Tile
          label="Served by the candidate"
          value={percent(share)}
          detail={`last minute; ${count(status.served.candidate)} of ${count(status.requests)} requests in all`}
        >
          <Bar
            label={`candidate ${percent(share)}`}
            parts={[
              { share, kind: 'candidate' },
              { share: 1 - share, kind: 'control' },
            ]}
          />
        </Tile>
        <Tile
          label="Verified"
          value={percent(status.verifiedShare)}
          detail={`of served requests; ${count(Object.values(status.unverified).reduce((sum, value) => sum + value, 0))} sampled but unverified`}
        />
        <Tile
          label="Failures"
          value={count(status.failed)}
          detail={`answers of Cutover's own; ${count(status.failedOver)} ${status.failedOver === 1 ? 'request' : 'requests'} saved by the control`}
        />
        <Latency status={status} />
        <Sides status={status} />
      </div>
      {status.missing.length > 0 && (
        <details class="missing">
          <summary>What is missing for a proof</summary>
          <ul>
            {status.missing.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
