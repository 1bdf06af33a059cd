import type { JsonNode } from '../../../src/core/compare/json.ts';
import { leaf, numberNode, textNode } from '../../../src/core/mutation/json-edit.ts';
import { shiftMoment } from '../../../src/core/mutation/moment-edit.ts';
import { uuidFrom } from './data.ts';
import type { Injector } from './injector.ts';
import { type Draft, intoObjects, type Memory, type Reading, withMember } from './reading.ts';

const HEX = '0123456789abcdef';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const ALNUM = `${LOWER}${LOWER.toUpperCase()}0123456789`;
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

type Value = (reading: Reading) => JsonNode;
/** What is there instead of the sound value; undefined where the fault leaves the member out. */
type Fault = (sound: JsonNode, reading: Reading) => JsonNode;

interface ValueNoise {
  readonly name: string;
  readonly key: string;
  readonly make: Value;
  readonly faults: Readonly<Record<string, Fault>>;
  /** Faults that only several exchanges show. */
  readonly lasting: Readonly<Record<string, 'frozen' | 'reused'>>;
  readonly media?: Injector['media'];
}

const nulled: Fault = () => leaf('null');
const emptied: Fault = () => textNode('');
const asText: Fault = ({ text }) => textNode(text);
const shifted =
  (seconds: number): Fault =>
  (sound) => ({ ...sound, text: shiftMoment(sound.text, seconds) ?? sound.text, hash: 0 });
const HOUR = 3_600;

/** A noisy value in a member of its own. Inside it a fault is planted by making the value otherwise. */
function valueNoise({ name, key, make, faults, lasting, media = ['json', 'html', 'text'] }: ValueNoise): Injector {
  return {
    name,
    media,
    faults: [
      ...Object.keys(faults).map((fault) => ({ name: fault, lasting: false })),
      ...Object.keys(lasting).map((fault) => ({ name: fault, lasting: true })),
    ],
    apply(draft: Draft, reading: Reading, fault?: string, memory: Memory = new Map()): void {
      draft.key = key;
      intoObjects(draft, (object) => {
        const sound = make(reading);
        const value = fault === undefined ? sound : faulty(fault, sound, reading, memory);
        if (value.text !== '') draft.noise.push(value.text);
        return withMember(object, key, value);
      });
    },
  };

  function faulty(fault: string, sound: JsonNode, reading: Reading, memory: Memory): JsonNode {
    const rewrite = faults[fault];
    if (rewrite !== undefined) return rewrite(sound, reading);
    // One value for ever, or three that come again in turn.
    const slot = lasting[fault] === 'reused' ? `${memory.get('count')?.text ?? 0}` : 'frozen';
    if (lasting[fault] === 'reused') memory.set('count', numberNode(String((Number(slot) + 1) % 3)));
    const kept = memory.get(slot) ?? sound;
    memory.set(slot, kept);
    return kept;
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** The request's time in one of the usual forms. */
function timeNoise(
  name: string,
  key: string,
  write: (ms: number) => string,
  otherForm: (ms: number) => string,
): Injector {
  const number = /epoch/.test(name);
  return valueNoise({
    name,
    key,
    make: ({ now }) => (number ? numberNode(write(now)) : textNode(write(now))),
    faults: {
      null: nulled,
      empty: emptied,
      'wrong zone': (sound, reading) =>
        shifted((reading.n % 2 === 0 ? -1 : 1) * ((reading.n % 9) + 1) * HOUR)(sound, reading),
      stale: (sound, reading) => shifted(-(6 + (reading.n % 200)) * HOUR)(sound, reading),
      'wrong form': (_, { now }) => textNode(otherForm(now)),
      ...(number ? { 'wrong type': asText } : {}),
    },
    lasting: { frozen: 'frozen' },
  });
}

/** Random texts: what must stay is their length and their characters, and that none comes again. */
function tokenNoise(
  name: string,
  key: string,
  write: (reading: Reading) => string,
  alien: (text: string) => string,
): Injector {
  return valueNoise({
    name,
    key,
    make: (reading) => textNode(write(reading)),
    faults: {
      null: nulled,
      empty: emptied,
      'too short': ({ text }) => textNode(text.slice(0, Math.floor(text.length * 0.6))),
      'other characters': ({ text }) => textNode(alien(text)),
    },
    lasting: { frozen: 'frozen', reused: 'reused' },
  });
}

const pad = (value: number, length = 2): string => String(value).padStart(length, '0');
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** `10 May 2026, 14:03:22` in UTC. */
function localeTime(ms: number): string {
  const at = new Date(ms);
  const clock = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map((part) => pad(part)).join(':');
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}, ${clock}`;
}

function relativeTime(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1_000));
  return seconds < 1 ? 'just now' : seconds < 60 ? `${seconds} seconds ago` : `${Math.floor(seconds / 60)} minutes ago`;
}

const TIMES: readonly Injector[] = [
  timeNoise('time ISO ms', 'generatedAt', iso, (ms) => new Date(ms).toUTCString()),
  timeNoise(
    'time ISO s',
    'timestamp',
    (ms) => `${iso(ms).slice(0, 19)}Z`,
    (ms) => iso(ms).slice(0, 19).replace('T', ' '),
  ),
  timeNoise(
    'time ISO offset',
    'servedAt',
    (ms) => `${iso(ms + 2 * HOUR * 1_000).slice(0, 23)}+02:00`,
    (ms) => iso(ms),
  ),
  timeNoise(
    'time ISO µs',
    'renderedAt',
    (ms) => `${iso(ms).slice(0, 23)}${pad(ms % 1_000, 3)}Z`,
    (ms) => `${iso(ms).slice(0, 10)}`,
  ),
  timeNoise(
    'time SQL',
    'refreshed_on',
    (ms) => iso(ms).slice(0, 19).replace('T', ' '),
    (ms) => iso(ms),
  ),
  timeNoise('time HTTP', 'lastCheck', (ms) => new Date(ms).toUTCString(), iso),
  timeNoise('time epoch s', 'ts', (ms) => String(Math.floor(ms / 1_000)), iso),
  timeNoise(
    'time epoch ms',
    'clock',
    (ms) => String(Math.floor(ms)),
    (ms) => String(Math.floor(ms / 1_000)),
  ),
  valueNoise({
    name: 'time in words',
    key: 'printed',
    make: ({ now }) => textNode(localeTime(now)),
    faults: {
      null: nulled,
      empty: emptied,
      'wrong zone': (_, { n, now }) => textNode(localeTime(now + ((n % 5) + 2) * HOUR * 1_000)),
      'wrong form': (_, { now }) => textNode(iso(now)),
      stale: (_, { n, now }) => textNode(localeTime(now - ((n % 40) + 3) * 24 * HOUR * 1_000)),
    },
    lasting: { frozen: 'frozen' },
  }),
  valueNoise({
    name: 'relative time',
    key: 'updated',
    make: ({ n, at, now }) => textNode(relativeTime(now - (at - ((n * 7_919) % 55_000)))),
    faults: {
      null: nulled,
      empty: emptied,
      'not a number': () => textNode('NaN seconds ago'),
      'wrong form': (_, { now }) => textNode(iso(now)),
      stale: (_, { n }) => textNode(`${(n % 20) + 2} days ago`),
    },
    lasting: {},
  }),
  valueNoise({
    name: 'expiry',
    key: 'expiresAt',
    make: ({ now }) => textNode(iso(now + HOUR * 1_000)),
    faults: {
      null: nulled,
      'in the past': (_, { now }) => textNode(iso(now - HOUR * 1_000)),
      'wrong zone': shifted(5 * HOUR),
      'a day late': shifted(24 * HOUR),
    },
    lasting: { frozen: 'frozen' },
  }),
];

function ulid({ now, random }: Reading): string {
  let time = '';
  for (let left = Math.floor(now), i = 0; i < 10; i++, left = Math.floor(left / 32))
    time = (CROCKFORD[left % 32] ?? '') + time;
  return time + random.text(CROCKFORD, 16);
}

function uuid7({ now, random }: Reading): string {
  const time = Math.floor(now).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${uuidFrom(random, '7').slice(15)}`;
}

function uuidNoise(name: string, key: string, make: (reading: Reading) => string, other: string): Injector {
  return valueNoise({
    name,
    key,
    make: (reading) => textNode(make(reading)),
    faults: {
      null: nulled,
      empty: emptied,
      'other version': ({ text }) => textNode(`${text.slice(0, 14)}${other}${text.slice(15)}`),
      'without dashes': ({ text }) => textNode(text.replaceAll('-', '')),
      'cut off': ({ text }) => textNode(text.slice(0, 23)),
    },
    lasting: { frozen: 'frozen', reused: 'reused' },
  });
}

const IDS: readonly Injector[] = [
  uuidNoise('uuid v4', 'eventId', ({ random }) => uuidFrom(random, '4'), '1'),
  uuidNoise('uuid v7', 'operation', uuid7, '4'),
  tokenNoise('ulid', 'ref', ulid, (text) => text.toLowerCase()),
  tokenNoise(
    'nanoid',
    'handle',
    ({ random }) => random.text(`${ALNUM}_-`, 21),
    (text) => `${text.slice(0, 9)} #${text.slice(11)}`,
  ),
  tokenNoise(
    'csrf token',
    'csrf_token',
    ({ random }) => `${random.text(ALNUM, 43)}=`,
    (text) => `${text.slice(0, 20)}<>!${text.slice(23)}`,
  ),
  tokenNoise(
    'nonce',
    'nonce',
    ({ random }) => random.text(HEX, 32),
    (text) => text.replaceAll(/[a-f]/g, 'x'),
  ),
  tokenNoise(
    'request id',
    'requestId',
    ({ random }) => `req_${random.text(ALNUM, 24)}`,
    (text) => `${text.slice(0, 6)}??${text.slice(8)}`,
  ),
  tokenNoise(
    'trace context',
    'traceparent',
    ({ random }) => `00-${random.text(HEX, 32)}-${random.text(HEX, 16)}-01`,
    (text) => text.replaceAll(/[\da-f]/g, '0'),
  ),
  tokenNoise(
    'cursor',
    'nextCursor',
    ({ n, now, random }) =>
      Buffer.from(`{"o":${n % 9},"t":${Math.floor(now)},"k":"${random.text(HEX, 8)}"}`).toString('base64url'),
    (text) => `${text.slice(0, 12)}%%%${text.slice(15)}`,
  ),
  tokenNoise(
    'jwt',
    'accessToken',
    ({ random }) => `eyJhbGciOiJIUzI1NiJ9.${random.text(ALNUM, 60)}.${random.text(`${ALNUM}_-`, 43)}`,
    (text) => text.replaceAll('.', ' '),
  ),
  valueNoise({
    name: 'signed URL',
    key: 'download',
    make: ({ n, now, random }) =>
      textNode(
        `https://files.example/doc/${n}?expires=${Math.floor(now / 1_000) + 900}&signature=${random.text(HEX, 40)}`,
      ),
    faults: {
      null: nulled,
      'no signature': ({ text }) => textNode(text.replace(/&signature=.*/, '')),
      'short signature': ({ text }) => textNode(text.slice(0, -20)),
      'other host': ({ text }) => textNode(text.replace('files.example', 'localhost:9000')),
      'other document': ({ text }) => textNode(text.replace('/doc/', '/doc/9')),
      expired: ({ text }, { now }) =>
        textNode(text.replace(/expires=\d+/, `expires=${Math.floor(now / 1_000) - 86_400}`)),
    },
    lasting: { frozen: 'frozen' },
  }),
];

/** A number that everything that happens moves on: about seven a second. */
function counterAt({ now, random }: Reading): number {
  return Math.floor((now - 1_770_000_000_000) / 150) + random.integer(0, 2);
}

/** Views of one page: one more every minute and a half, and those of the last moment as far as they were counted. */
function viewsAt({ n, now, random }: Reading): number {
  return (n % 50) * 100 + Math.floor((now - 1_770_000_000_000) / 90_000) - 90_000 + random.integer(0, 3);
}

const NUMBERS: readonly Injector[] = [
  valueNoise({
    name: 'counter',
    key: 'sequence',
    make: (reading) => numberNode(String(counterAt(reading))),
    faults: {
      null: nulled,
      'wrong type': asText,
      reset: ({ text }) => numberNode(text.slice(-2).replace(/^0/, '')),
      negative: ({ text }) => numberNode(`-${text}`),
    },
    lasting: {},
  }),
  valueNoise({
    name: 'views',
    key: 'views',
    make: (reading) => numberNode(String(viewsAt(reading))),
    faults: {
      null: nulled,
      'wrong type': asText,
      zero: () => numberNode('0'),
      negative: () => numberNode('-1'),
      fraction: ({ text }) => numberNode(`${text}.5`),
    },
    lasting: {},
  }),
  valueNoise({
    name: 'float jitter',
    key: 'score',
    make: ({ n, random }) =>
      numberNode(String((1 + (n % 97)) * 1.37 * (1 + (random.next() - 0.5) * 10 ** -random.integer(9, 12)))),
    faults: {
      null: nulled,
      'wrong type': asText,
      'a tenth off': ({ text }) => numberNode(String(Number(text) * 1.1)),
      'a thousandth off': ({ text }) => numberNode(String(Number(text) * 1.001)),
      'other sign': ({ text }) => numberNode(`-${text}`),
    },
    lasting: {},
  }),
  valueNoise({
    name: 'duration',
    key: 'tookMs',
    make: ({ random }) => numberNode(String(random.integer(3, 80))),
    faults: {
      null: nulled,
      'wrong type': asText,
      negative: () => numberNode('-12'),
      'other unit': ({ text }) => numberNode(`${text}0000`),
    },
    lasting: {},
  }),
  valueNoise({
    name: 'replica lag',
    key: 'stock',
    make: ({ n, now, random }) => {
      const seen = random.chance(0.3) ? now - random.integer(100, 4_000) : now;
      return numberNode(String(500 + (n % 30) * 10 + Math.abs((Math.floor(seen / 3_000) % 12) - 6)));
    },
    faults: {
      null: nulled,
      'wrong type': asText,
      negative: () => numberNode('-40'),
      'far off': ({ text }) => numberNode(`${text}00`),
    },
    lasting: {},
  }),
];

const CHOICES: readonly Injector[] = [
  valueNoise({
    name: 'variant flag',
    key: 'variant',
    make: ({ random }) => textNode(random.pick(['A', 'B', 'baseline'])),
    faults: {
      null: nulled,
      empty: emptied,
      unknown: () => textNode('undefined'),
      'not of the set': () => textNode('Q'),
    },
    lasting: {},
  }),
  valueNoise({
    name: 'server name',
    key: 'host',
    make: ({ random }) => textNode(`web-${random.integer(1, 4)}.fra`),
    faults: { null: nulled, empty: emptied, 'not of the set': () => textNode('localhost') },
    lasting: {},
  }),
  valueNoise({
    name: 'asset hash',
    key: 'bundle',
    make: ({ random }) => textNode(`/assets/app.${random.text(HEX, 8)}.js`),
    faults: {
      null: nulled,
      empty: emptied,
      'no hash': () => textNode('/assets/app.js'),
      'other file': ({ text }) => textNode(text.replace('app', 'old')),
      'other kind': ({ text }) => textNode(text.replace('.js', '.map')),
    },
    lasting: {},
  }),
  valueNoise({
    name: 'element id',
    key: 'fieldId',
    make: ({ random }) => textNode(`input-${random.text(HEX, 10)}`),
    faults: {
      empty: emptied,
      'no random part': () => textNode('input-'),
      'cut off': ({ text }) => textNode(text.slice(0, 10)),
      'other name': ({ text }) => textNode(text.replace('input', 'button')),
    },
    lasting: { frozen: 'frozen' },
    media: ['html', 'json'],
  }),
];

/** Noise that is one value in a place of its own. */
export const VALUE_NOISE: readonly Injector[] = [...TIMES, ...IDS, ...NUMBERS, ...CHOICES];
