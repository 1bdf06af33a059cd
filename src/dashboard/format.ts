const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 2 });
const COUNT = new Intl.NumberFormat('en');
const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** A share of 0 to 1; `–` where nothing was measured. Anything below 1 is never rounded up to 100 %. */
export function percent(share: number | null): string {
  if (share === null) return '–';
  const shown = PERCENT.format(share);
  return share < 1 && shown === '100%' ? '> 99.99%' : shown;
}

export function count(value: number): string {
  return COUNT.format(value);
}

/** Milliseconds with a precision that fits their size. */
export function milliseconds(value: number | null): string {
  if (value === null) return '–';
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 10 ? `${value.toFixed(0)} ms` : `${value.toFixed(2)} ms`;
}

/** Time of day in the reader's zone. */
export function timeOfDay(at: number): string {
  return TIME.format(at);
}

/** As a duration before now: `5 min ago`. */
export function ago(at: number, now: number): string {
  return `${duration(now - at)} ago`;
}

/** `12 s`, `5 min`, `3 h`, `2 d`; less than nothing is nothing. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** C0 and C1 controls but tab and line feed, and the characters that reorder text (Unicode Standard Annex 9). */
function hides(code: number): boolean {
  if (code < 0x20) return code !== 0x09 && code !== 0x0a;
  if (code >= 0x7f && code <= 0x9f) return true;
  return code === 0x200e || code === 0x200f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/** Text of an answer as it may be shown: characters that would hide or reorder something become `\u{…}`. */
export function visible(text: string): string {
  let shown = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    shown += hides(code) ? `\\u{${code.toString(16)}}` : character;
  }
  return shown;
}
