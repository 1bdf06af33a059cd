import type { JSX } from 'preact';
import type { EndpointPowerView } from '../api/power-types.ts';
import type { ComparisonView } from '../api/recording-types.ts';
import { hiderText } from '../core/power.ts';
import { count, percent, visible } from './format.ts';
import { Bar } from './overview.tsx';

type RuleView = ComparisonView['rules'][number];

/** What a rule does, in words. */
function doesText(rule: RuleView): string {
  switch (rule.kind) {
    case 'ignore':
      return rule.counts ? 'ignores, and it counts as a match' : 'ignores';
    case 'normalise':
      return `reads ${rule.pattern} as ${rule.replace === '' ? 'nothing' : rule.replace}`;
    case 'unordered':
      return rule.key === undefined ? 'takes any order' : `takes any order, by ${rule.key}`;
    case 'tolerance':
      return `lets numbers differ by ${[rule.absolute, rule.relative === undefined ? undefined : percent(rule.relative)]
        .filter((one) => one !== undefined)
        .join(' or ')}`;
  }
}

function Cost(props: { rule: RuleView; powers: readonly EndpointPowerView[] }): JSX.Element {
  const { rule, powers } = props;
  const here = powers.filter(({ endpoint }) => rule.endpoint === undefined || rule.endpoint === endpoint);
  const measured = here.filter(({ power }) => power !== null);
  if (measured.length === 0) return <p class="detail">What it hides is not measured yet.</p>;
  const costs = measured.flatMap(({ endpoint, faults, rules }) =>
    rules.filter((one) => one.rule === rule.name).map((cost) => ({ endpoint, of: faults, ...cost })),
  );
  if (costs.length === 0) return <p class="detail">Without it the same faults are found.</p>;
  return (
    <ul class="costs" aria-label={`What ${rule.name} costs`}>
      {costs.map((cost) => (
        <li key={cost.endpoint}>
          <strong>
            hides {count(cost.faults.length)} of {count(cost.of)} faults
          </strong>{' '}
          at <code>{visible(cost.endpoint)}</code>
          <span class="detail"> that are found without it: {cost.faults.join(', ')}</span>
        </li>
      ))}
    </ul>
  );
}

function Missed(props: { power: EndpointPowerView }): JSX.Element {
  const { missed, trouble } = props.power;
  if (trouble !== '') return <span class="detail">{trouble}</span>;
  if (missed.length === 0) return <span class="detail">none</span>;
  return (
    <details>
      <summary>
        {count(missed.length)} {missed.length === 1 ? 'fault' : 'faults'}
      </summary>
      <ul class="noise">
        {missed.map((fault) => (
          <li key={fault.fault}>
            {visible(fault.says)}{' '}
            <span class="detail">
              (missed {count(fault.planted - fault.found)} of {count(fault.planted)}:{' '}
              {fault.hiddenBy.map((hider) => visible(hiderText(hider))).join(', ')})
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function PowerRow(props: { power: EndpointPowerView }): JSX.Element {
  const { power } = props;
  const share = power.power ?? 0;
  const isShort = power.missing !== '';
  return (
    <tr>
      <th scope="row">
        <code>{visible(power.endpoint)}</code>
        {isShort && <p class="detail">opens nothing new: {visible(power.missing)}</p>}
      </th>
      <td class="number">
        {percent(power.power)}
        <Bar
          label={`power ${percent(power.power)}`}
          parts={power.power === null ? [] : [{ share, kind: isShort ? 'mismatch' : 'match' }]}
        />
      </td>
      <td class="number">{percent(power.demanded)}</td>
      <td class="number">{count(power.answers)}</td>
      <td class="number">{count(power.faults)}</td>
      <td>
        <Missed power={power} />
      </td>
    </tr>
  );
}

/** The rules in force, what each costs, and how much of what could go wrong is found at each endpoint. */
export function Rules(props: { rules: ComparisonView['rules']; powers: readonly EndpointPowerView[] }): JSX.Element {
  const { rules, powers } = props;
  return (
    <section aria-labelledby="rules-title">
      <h2 id="rules-title">Rules and what they hide</h2>
      <p class="detail">
        Known faults are planted into recorded answers of the control: power is the share that comparisons find.
      </p>
      {rules.length === 0 ? (
        <p class="detail">No rule is configured: nothing is silenced but what was learned as noise.</p>
      ) : (
        <ul class="paper rules">
          {rules.map((rule) => (
            <li key={rule.name}>
              <p>
                <strong>{visible(rule.name)}</strong> {doesText(rule)} <code>{visible(rule.path)}</code>{' '}
                {rule.endpoint === undefined ? (
                  'everywhere'
                ) : (
                  <>
                    at <code>{visible(rule.endpoint)}</code>
                  </>
                )}
                <span class="detail">: {visible(rule.reason)}</span>
              </p>
              <Cost rule={rule} powers={powers} />
            </li>
          ))}
        </ul>
      )}
      <div class="scroll">
        <table class="list" aria-label="Power by endpoint">
          <thead>
            <tr>
              <th scope="col">Endpoint</th>
              <th scope="col">Power</th>
              <th scope="col">Demanded</th>
              <th scope="col">Answers</th>
              <th scope="col">Faults planted</th>
              <th scope="col">Missed</th>
            </tr>
          </thead>
          <tbody>
            {powers.map((power) => (
              <PowerRow key={power.endpoint} power={power} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
