import { FlatLearner, type Learner, type ValuePair, withItem } from './learner.ts';

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

/** Whether both are uuids of one version and letter case, and not the same. */
export function areUuids(control: string, candidate: string): boolean {
  const form = uuidForm(control);
  return form !== undefined && form === uuidForm(candidate) && control !== candidate;
}

type UuidState = { readonly forms: readonly string[] };

/** Uuids of the versions and the letter case seen. */
export class UuidLearner extends FlatLearner<UuidState> implements Learner {
  readonly name = 'uuid';

  constructor() {
    super({ forms: [] });
  }

  override get drawn(): boolean {
    return true;
  }

  absorb({ control, candidate }: ValuePair): boolean {
    for (const { text } of [control, candidate]) {
      const form = uuidForm(text);
      if (form === undefined) return false;
      this.state = { forms: withItem(this.state.forms, form) };
    }
    return true;
  }

  accepts({ candidate }: ValuePair): boolean {
    const form = uuidForm(candidate.text);
    return form !== undefined && this.state.forms.includes(form);
  }

  envelope(): string {
    return `a uuid of version and case ${this.state.forms.join(' or ')}, not the same one again`;
  }
}
