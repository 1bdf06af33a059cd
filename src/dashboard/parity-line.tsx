import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { percent } from './format.ts';

interface Point {
  readonly at: number;
  readonly parity: number;
}

/** As many points as the line is wide in pixels, about; when they are full every second one goes, so the whole time stays in view. */
const MAX_POINTS = 240;
const points: Signal<readonly Point[]> = signal([]);

/** Remembers the parity of a moment, for as long as the page is open. */
export function notePoint(at: number, parity: number | null): void {
  const last = points.value.at(-1);
  if (parity === null || (last !== undefined && at <= last.at)) return;
  const kept = points.value.length < MAX_POINTS ? points.value : points.value.filter((_, index) => index % 2 === 0);
  points.value = [...kept, { at, parity }];
}

/** Parity since the page was opened; its height is the range it had, at least 5 percent points. */
export function ParityLine(): JSX.Element | null {
  const [first, last] = [points.value[0], points.value.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const low = Math.min(...points.value.map(({ parity }) => parity));
  const high = Math.max(...points.value.map(({ parity }) => parity));
  const range = Math.max(0.05, high - low);
  const top = Math.min(1, (high + low + range) / 2);
  const drawn = points.value.map(({ at, parity }) => {
    const x = ((at - first.at) / (last.at - first.at)) * 100;
    const y = 1 + ((top - parity) / range) * 18;
    return `${x.toFixed(2)},${y.toFixed(2)}`;
  });
  return (
    <svg
      class="parity-line"
      viewBox="0 0 100 20"
      preserveAspectRatio="none"
      role="img"
      aria-label={`Parity since this page was opened: from ${percent(first.parity)} to ${percent(last.parity)}, lowest ${percent(low)}`}
    >
      <polyline points={drawn.join(' ')} />
    </svg>
  );
}
