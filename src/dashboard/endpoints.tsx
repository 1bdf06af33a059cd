import type { JSX } from 'preact';
import type { Endpoint } from '../api/types.ts';
import { count, milliseconds, percent } from './format.ts';
import { Bar } from './overview.tsx';

function compared(endpoint: Endpoint): number {
  const { match, ignored, mismatch, inconclusive } = endpoint.verdicts;
  return match + ignored + mismatch + inconclusive;
}

function Noise(props: { endpoint: Endpoint }): JSX.Element {
  const { noise } = props.endpoint;
  if (noise.length === 0) return <span class="detail">none</span>;
  return (
    <details>
      <summary>
        {noise.length} {noise.length === 1 ? 'path' : 'paths'}
      </summary>
      <ul class="noise">
        {noise.map((entry) => (
          <li key={entry.path}>
            <code>{entry.path}</code> {entry.class}: {entry.envelope}{' '}
            <span class="detail">({count(entry.samples)} samples)</span>
            {entry.refused === undefined ? null : <em> {entry.refused}</em>}
            {entry.flagged === undefined ? null : <strong> not excused: {entry.flagged}</strong>}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Endpoints, those with the most traffic first. */
export function EndpointTable(props: { endpoints: readonly Endpoint[] }): JSX.Element {
  const rows = [...props.endpoints].sort(
    (a, b) => b.served.control + b.served.candidate - (a.served.control + a.served.candidate),
  );
  return (
    <section aria-labelledby="endpoints-title">
      <h2 id="endpoints-title">Endpoints</h2>
      <div class="scroll">
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Endpoint</th>
              <th scope="col">Requests</th>
              <th scope="col">Candidate</th>
              <th scope="col">Compared</th>
              <th scope="col">Parity</th>
              <th scope="col">Dial</th>
              <th scope="col">Control p95</th>
              <th scope="col">Candidate p95</th>
              <th scope="col">Noise</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((endpoint) => {
              const served = endpoint.served.control + endpoint.served.candidate;
              return (
                <tr key={endpoint.endpoint}>
                  <th scope="row">
                    <code>{endpoint.endpoint}</code>
                    {!endpoint.moves && <span class="detail"> never moves</span>}
                  </th>
                  <td class="number">{count(served)}</td>
                  <td class="number">{percent(served === 0 ? null : endpoint.served.candidate / served)}</td>
                  <td class="number">{count(compared(endpoint))}</td>
                  <td class="number">
                    {percent(endpoint.parity)}
                    <Bar
                      label={`parity ${percent(endpoint.parity)}`}
                      parts={
                        endpoint.parity === null
                          ? []
                          : [
                              { share: endpoint.parity, kind: 'match' },
                              { share: 1 - endpoint.parity, kind: 'mismatch' },
                            ]
                      }
                    />
                  </td>
                  <td class="number">{percent(Math.min(endpoint.dialPpm, endpoint.maxPpm) / 1_000_000)}</td>
                  <td class="number">{milliseconds(endpoint.latencyMs.control.p95)}</td>
                  <td class="number">{milliseconds(endpoint.latencyMs.candidate.p95)}</td>
                  <td>
                    <Noise endpoint={endpoint} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && <p class="detail">No request has come yet.</p>}
    </section>
  );
}
