import { type Answer, type HeaderList, headerValue } from '../observation.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

export type EditableFormat = 'json' | 'html' | 'text';

/** The body as text, with its format; undefined where the body is empty, cut, coded or no text. */
export function editable(answer: Answer): { readonly format: EditableFormat; readonly text: string } | undefined {
  if (answer.body.length === 0 || answer.bodyBytes !== answer.body.length) return undefined;
  const coding = headerValue(answer.headers, 'content-encoding')?.trim().toLowerCase() ?? '';
  if (coding !== '' && coding !== 'identity') return undefined;
  const format = formatOf(headerValue(answer.headers, 'content-type') ?? '');
  const text = format === undefined ? undefined : decodeUtf8(answer.body);
  return format === undefined || text === undefined ? undefined : { format, text };
}

function formatOf(contentType: string): EditableFormat | undefined {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (/^(application|text)\/json$|\+json$/.test(type)) return 'json';
  if (type === 'text/html' || type === 'application/xhtml+xml') return 'html';
  return /^text\/|^application\/(javascript|xml|x-ndjson|graphql|yaml)$|\+xml$/.test(type) ? 'text' : undefined;
}

/** The answer with another body; `Content-Length` follows it. */
export function withBody(answer: Answer, body: string | Uint8Array): Answer {
  const bytes = typeof body === 'string' ? encodeUtf8(body) : body;
  const headers = answer.headers.map(([name, value]): readonly [string, string] =>
    name.toLowerCase() === 'content-length' ? [name, String(bytes.length)] : [name, value],
  );
  return { ...answer, headers, body: bytes, bodyBytes: bytes.length };
}

export function withoutHeader(answer: Answer, name: string): Answer {
  return { ...answer, headers: answer.headers.filter(([key]) => key.toLowerCase() !== name) };
}

/** The answer with each value of a header rewritten; undefined where none of them changes. */
export function withHeader(answer: Answer, name: string, rewrite: (value: string) => string): Answer | undefined {
  let changed = false;
  const headers: HeaderList = answer.headers.map(([key, value]) => {
    if (key.toLowerCase() !== name) return [key, value];
    const next = rewrite(value);
    changed ||= next !== value;
    return [key, next];
  });
  return changed ? { ...answer, headers } : undefined;
}
