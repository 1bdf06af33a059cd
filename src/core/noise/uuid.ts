import { FlatLearner, type Learner, type NoiseContext, type Recognised, type ValuePair, withItem } from './learner.ts';
import { readTimedId } from './timed-id.ts';

/** Finds uuids inside a text (RFC 9562 section 4). */
export const UUID_IN_TEXT = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}';
const UUID = new RegExp(`^${UUID_IN_TEXT}$`);

/** Version and letter case of a uuid, such as `4 lower`; undefined where the text is none, and for the nil and max uuid. */
export function uuidForm(text: string): string | undefined {
  if (text.length !== 36 || !UUID.test(text)) return undefined;
  const lower = /[a-f]/.test(text);
  const upper = /[A-F]/.test(text);
  return `${text.charAt(14)} ${lower && upper ? 'mixed' : upper ? 'upper' : 'lower'}`;
}

/** Whether both are uuids of one version and letter case, not the same, and of times as near to the request as each other's. */
export function areUuids(control: string, candidate: string, { at }: NoiseContext): boolean {
  const form = uuidForm(control);
  if (form === undefined || form !== uuidForm(candidate) || control === candidate) return false;
  return readTimedId(control, at) === undefined || readTimedId(candidate, at) !== undefined;
}

/** The times of both may differ by so much more than seen. */
const TIME_SLACK_MS = 5_000;

type UuidState = {
  readonly forms: readonly string[];
  /** Whether all of them were made at the time of the request. */
  readonly timed: boolean;
  readonly apartMs: number;
};

/** Uuids of the versions and the letter case seen; those that hold a time, of the present. */
export class UuidLearner extends FlatLearner<UuidState> implements Learner {
  readonly name = 'uuid';

  constructor() {
    super({ forms: [], timed: true, apartMs: 0 });
  }

  absorb({ control, candidate }: ValuePair, { at }: NoiseContext): boolean {
    for (const { text } of [control, candidate]) {
      const form = uuidForm(text);
      if (form === undefined) return false;
      this.state = { ...this.state, forms: withItem(this.state.forms, form) };
    }
    const [a, b] = [readTimedId(control.text, at), readTimedId(candidate.text, at)];
    const timed = this.state.timed && a !== undefined && b !== undefined;
    const apart = timed ? Math.abs(a.ms - b.ms) : 0;
    this.state = { ...this.state, timed, apartMs: Math.max(this.state.apartMs, apart) };
    return true;
  }

  recognise({ control, candidate }: ValuePair, { at, gapMs }: NoiseContext): Recognised | undefined {
    const form = uuidForm(candidate.text);
    if (form === undefined || !this.state.forms.includes(form)) return undefined;
    if (this.state.timed) {
      const [a, b] = [readTimedId(control.text, at), readTimedId(candidate.text, at)];
      if (b === undefined || (a !== undefined && Math.abs(a.ms - b.ms) > this.reachMs() + Math.max(0, gapMs)))
        return undefined;
    }
    return { class: this.name, drawn: { control: control.text, candidate: candidate.text } };
  }

  private reachMs(): number {
    return 2 * this.state.apartMs + TIME_SLACK_MS;
  }

  envelope(): string {
    const time = this.state.timed ? `, its time at most ${Math.round(this.reachMs() / 1000)} s from the control's` : '';
    return `a uuid of version and case ${this.state.forms.join(' or ')}${time}, not the same one again`;
  }
}
