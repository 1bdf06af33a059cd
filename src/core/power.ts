/** What keeps a fault from being found. */
export interface Hider {
  readonly kind: 'rule' | 'noise' | 'header' | 'inconclusive' | 'unseen';
  /** The rule's name; class and path of the noise; the header that is not compared; the reason. */
  readonly name: string;
}

/** One fault at one endpoint. */
export interface FaultFound {
  readonly fault: string;
  /** What went wrong, as one sentence. */
  readonly says: string;
  readonly planted: number;
  readonly found: number;
  /** What hid those that were not found, the most frequent first, with how many. */
  readonly hiddenBy: readonly (Hider & { readonly count: number })[];
}

export interface RuleCost {
  readonly rule: string;
  /** Faults that this rule alone hides in part or wholly, by name: without it they are found. */
  readonly faults: readonly string[];
  /** Plantings that this rule alone hides. */
  readonly hidden: number;
}

export interface EndpointPower {
  readonly endpoint: string;
  /** Recorded control answers that faults were planted into. */
  readonly answers: number;
  /** Faults that could be planted, each with what became of it. */
  readonly faults: readonly FaultFound[];
  /** Mean share of plantings found, over the faults, 0 to 1; null where none could be planted. */
  readonly power: number | null;
  /** Cost of each rule that hides something, the dearest first. */
  readonly rules: readonly RuleCost[];
  /** Plantings that learned noise alone hides. */
  readonly noiseHides: number;
}

/** What a running Cutover knows of the power at an endpoint. */
export interface KnownPower {
  /** When it was measured, milliseconds since the epoch. */
  readonly at: number;
  /** Recordings there were, whether or not a fault could be planted into them. */
  readonly recorded: number;
  /** Undefined: `trouble` says why it could not be measured; empty: for want of recordings. */
  readonly found: EndpointPower | undefined;
  readonly trouble: string;
}

/** Faults of which something was missed. */
export function missedFaults({ faults }: EndpointPower): readonly FaultFound[] {
  return faults.filter(({ found, planted }) => found < planted);
}

export function hiderText({ kind, name }: Hider): string {
  switch (kind) {
    case 'rule':
      return `rule ${name}`;
    case 'noise':
      return `noise ${name}`;
    case 'header':
      return `${name} is not compared`;
    case 'inconclusive':
      return `inconclusive (${name})`;
    case 'unseen':
      return `nothing: no difference is seen in ${name}`;
  }
}

/**
 * What an endpoint lacks of the power that a proof demands, as a sentence; undefined: nothing.
 * `power 88 % is below 95 %: rule ignore-prices hides 3 of 25 faults`.
 *
 * @param least Share of planted faults that must be found, 0 to 1; undefined: none is demanded.
 */
export function missingPower(least: number | undefined, known: KnownPower | undefined): string | undefined {
  if (least === undefined) return undefined;
  if (known === undefined) return 'power is not measured yet';
  const { found, recorded, trouble } = known;
  if (found === undefined)
    return trouble === '' ? 'power is not measured yet: 0 recorded answers' : `power cannot be measured: ${trouble}`;
  if (found.answers === 0)
    return `power cannot be measured: none of ${recorded} recorded answers is a good one with a text of at most 64 KiB`;
  if (found.power === null) return `power is unknown: no fault could be planted into ${answersText(found.answers)}`;
  if (found.power >= least) return undefined;
  const worst = worstHider(found);
  const because = worst === undefined ? '' : `: ${hidesText(worst.hider, worst.faults, found.faults.length)}`;
  return `power ${below(found.power, least)} is below ${percentText(least)}${because}`;
}

/** What hides most kinds of faults, with how many. */
function worstHider(found: EndpointPower): { readonly hider: Hider; readonly faults: number } | undefined {
  const counts = new Map<string, { readonly hider: Hider; readonly faults: number }>();
  for (const { hiddenBy } of missedFaults(found)) {
    for (const hider of hiddenBy) {
      const text = hiderText(hider);
      counts.set(text, { hider, faults: (counts.get(text)?.faults ?? 0) + 1 });
    }
  }
  return [...counts.values()].sort((a, b) => b.faults - a.faults)[0];
}

function hidesText(hider: Hider, faults: number, of: number): string {
  const counted = `${faults} of ${of} faults`;
  return hider.kind === 'rule' || hider.kind === 'noise'
    ? `${hiderText(hider)} hides ${counted}`
    : `${counted} are missed, ${hiderText(hider)}`;
}

function answersText(answers: number): string {
  return answers === 1 ? '1 recorded answer' : `${answers} recorded answers`;
}

/** With one digit, never rounded up to what it is below. */
function below(power: number, least: number): string {
  const tenths = Math.floor(power * 1_000 + 1e-9) / 1_000;
  return percentText(Math.min(tenths, least));
}

function percentText(share: number): string {
  return `${Number((share * 100).toFixed(4))} %`;
}
