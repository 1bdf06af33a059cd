import type { JSX } from 'preact';
import type { RampView } from '../api/ramp-types.ts';
import { ago, duration, percent, visible } from './format.ts';
import { Gate } from './gate.tsx';

function stepText(step: RampView['steps'][number]): string {
  switch (step.kind) {
    case 'mirror':
      return 'mirror';
    case 'dial':
      return [percent((step.dialPpm ?? 0) / 1_000_000), whoText(step)].join(' ').trim();
    case 'wait':
      return `wait ${duration(step.ms ?? 0)}`;
    case 'gate':
      return `gate ${visible(step.gate?.name ?? '')}`;
    case 'verify':
      return step.ms === undefined ? 'verify' : `verify ${duration(step.ms)}`;
    case 'retire':
      return 'retire';
  }
}

/** Of whom a dial is; empty for everybody. */
function whoText({ cohort, tenants }: RampView['steps'][number]): string {
  if (cohort !== undefined) return visible(cohort);
  if (tenants === undefined) return '';
  return tenants.length === 1 ? visible(tenants[0] ?? '') : `${tenants.length} tenants`;
}

function Ladder(props: { ramp: RampView }): JSX.Element {
  const { steps, step: present } = props.ramp;
  return (
    <ol class="ladder">
      {steps.map((step, at) => (
        <li
          key={`${at} ${step.kind}`}
          class={at < present ? 'past' : at === present ? 'present' : ''}
          aria-current={at === present ? 'step' : undefined}
        >
          {stepText(step)}
        </li>
      ))}
    </ol>
  );
}

/** Every ramp with its steps, the present one marked, and why it stands where it stands. */
export function RampList(props: { ramps: readonly RampView[]; now: number }): JSX.Element | null {
  if (props.ramps.length === 0) return null;
  return (
    <section aria-labelledby="ramps-title">
      <h2 id="ramps-title">Ramps</h2>
      <ul class="paper ramps">
        {props.ramps.map((ramp) => (
          <li key={ramp.endpoint}>
            <code>{visible(ramp.endpoint)}</code>
            <Ladder ramp={ramp} />
            <span class="detail">
              {ramp.state === 'held' && <span class="state held">held</span>} dial {percent(ramp.dialPpm / 1_000_000)},
              since {ago(ramp.since, props.now)}
              {ramp.reason === '' ? '' : `: ${visible(ramp.reason)}`}
              {ramp.restAt !== undefined && `; rests for ${duration(ramp.restAt - props.now)} more`}
              {ramp.missing.length > 0 && `; missing: ${ramp.missing.map(visible).join(', ')}`}
            </span>
            <Gate ramp={ramp} />
          </li>
        ))}
      </ul>
    </section>
  );
}
