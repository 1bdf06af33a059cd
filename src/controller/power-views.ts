import type { EndpointPowerView } from '../api/power-types.ts';
import type { EndpointId } from '../core/cell.ts';
import { type KnownPower, missedFaults, missingPower } from '../core/power.ts';
import type { LiveView } from './live-view.ts';

/** Power as the API shows it, by name of the endpoint. */
export function powerViews(live: Pick<LiveView, 'power'>): EndpointPowerView[] {
  const { demanded, endpoints } = live.power();
  return [...endpoints]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([endpoint, known]) => powerView(endpoint, known, demanded));
}

function powerView(
  endpoint: EndpointId,
  known: KnownPower | undefined,
  demanded: number | undefined,
): EndpointPowerView {
  const found = known?.found;
  return {
    endpoint,
    at: known?.at ?? null,
    power: found?.power ?? null,
    demanded: demanded ?? null,
    missing: missingPower(demanded, known) ?? '',
    trouble: known?.trouble ?? '',
    answers: found?.answers ?? 0,
    recorded: known?.recorded ?? 0,
    faults: found?.faults.length ?? 0,
    missed:
      found === undefined
        ? []
        : missedFaults(found).map((fault) => ({ ...fault, hiddenBy: fault.hiddenBy.map((hider) => ({ ...hider })) })),
    rules: (found?.rules ?? []).map(({ rule, faults, hidden }) => ({ rule, faults: [...faults], hidden })),
    noiseHides: found?.noiseHides ?? 0,
  };
}
