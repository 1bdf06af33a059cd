import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { EndpointId, TenantId } from '../../../src/core/cell.ts';
import type { Answer, CapturedRequest } from '../../../src/core/observation.ts';
import { Random } from '../random.ts';
import { dataOf, KINDS, type Schema, schemaOf } from './data.ts';
import type { Injector } from './injector.ts';
import { STRUCTURE_NOISE } from './noise-structure.ts';
import { VALUE_NOISE } from './noise-values.ts';
import type { Draft, HtmlPlace, Medium, Memory, Reading } from './reading.ts';
import {
  escaped,
  htmlPage,
  LAYOUTS,
  type Layout,
  spacedJson,
  TEXT_TYPES,
  TEXTS,
  type TextForm,
  textBody,
} from './write-body.ts';

export const INJECTORS: readonly Injector[] = [...VALUE_NOISE, ...STRUCTURE_NOISE];
export const TENANT = 'acme' as TenantId;

/** A made endpoint: what its answers are made of and how they are written. */
export interface Endpoint {
  readonly id: EndpointId;
  readonly seed: string;
  readonly medium: Medium;
  readonly schema: Schema;
  readonly layout: Layout;
  readonly form: TextForm;
  readonly place: HtmlPlace;
  readonly repeated: boolean;
}

const PLACES: readonly HtmlPlace[] = ['text', 'attribute', 'field', 'script'];

/** How many endpoints there are of each medium: 7 kinds of documents in 32 × JSON, 11 × HTML, 9 × text: 364. */
const ROUNDS: Readonly<Record<Medium, number>> = { json: 32, html: 11, text: 9 };

export function endpoints(seed: number, quick: boolean): Endpoint[] {
  const list: Endpoint[] = [];
  for (const medium of ['json', 'html', 'text'] as const) {
    for (let round = 0; round < (quick ? 1 : ROUNDS[medium]); round++) {
      for (const kind of KINDS) {
        const name = `${medium}-${kind}-${round}`;
        const random = new Random(seed, name);
        list.push({
          id: `GET /${name}/{id}` as EndpointId,
          seed: `${seed} ${name}`,
          medium,
          schema: schemaOf(kind, random),
          layout: random.pick(LAYOUTS),
          form: random.pick(TEXTS),
          place: random.pick(PLACES),
          repeated: random.chance(0.4),
        });
      }
    }
  }
  return list;
}

export function requestOf({ id }: Endpoint, n: number): CapturedRequest {
  return { method: 'GET', target: id.slice(4).replace('{id}', String(n)), headers: [['Host', 'shop.example']] };
}

export interface Planting {
  readonly fault: string;
  readonly memory: Memory;
}

/** One answer with its noise, and the texts of it that are noise. */
export interface Made {
  readonly answer: Answer;
  readonly noise: readonly string[];
}

/** What one side answers in one reading. */
export function read(endpoint: Endpoint, noise: readonly Injector[], reading: Reading, planting?: Planting): Made {
  const { medium, schema, seed, place, repeated } = endpoint;
  const draft: Draft = {
    tree: dataOf(schema, seed, reading.n),
    headers: [
      ['Content-Type', typeOf(endpoint)],
      ['Cache-Control', 'private, max-age=60'],
      ['Vary', 'Accept-Encoding, Cookie'],
      ['Set-Cookie', 'theme=dark; Path=/; Secure; SameSite=Lax'],
    ],
    noise: [],
    place,
    repeated,
  };
  noise.forEach((injector, at) => {
    // Faults are planted into the first.
    if (at === 0) injector.apply(draft, reading, planting?.fault, planting?.memory);
    else injector.apply(draft, reading);
  });
  const text =
    medium === 'json'
      ? spacedJson(draft.tree, ' '.repeat(draft.indent ?? 0))
      : medium === 'html'
        ? htmlPage(draft, endpoint.layout, `Things ${reading.n}`)
        : textBody(draft, endpoint.form);
  const written = medium === 'json' ? jsonForm : medium === 'html' ? escaped : undefined;
  return {
    answer: answerOf(draft, Buffer.from(text)),
    noise: written === undefined ? draft.noise : draft.noise.map(written),
  };
}

/** A text as it stands inside the quotes of JSON. */
function jsonForm(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function typeOf({ medium, form }: Endpoint): string {
  if (medium === 'json') return 'application/json; charset=utf-8';
  return medium === 'html' ? 'text/html; charset=utf-8' : TEXT_TYPES[form];
}

function answerOf({ headers, coding, damaged }: Draft, plain: Buffer): Answer {
  let body: Uint8Array = plain;
  if (coding === 'gzip') body = gzipSync(plain, { level: 1 });
  if (coding === 'deflate') body = deflateSync(plain, { level: 1 });
  if (coding === 'br') body = brotliCompressSync(plain, { params: { [BROTLI_QUALITY]: 1 } });
  if (damaged === true) body = body.subarray(0, Math.floor(body.length / 2));
  return {
    kind: 'answer',
    status: 200,
    headers: [...headers, ['Content-Length', String(body.length)]],
    body,
    bodyBytes: body.length,
    firstByteMs: 3,
    durationMs: 5,
  };
}

/** `constants.BROTLI_PARAM_QUALITY` of node:zlib. */
const BROTLI_QUALITY = 1;
