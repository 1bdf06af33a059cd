import type { EndpointId } from '../core/cell.ts';
import type { Parsed } from './units.ts';

/** An endpoint as the configuration writes it: `GET /orders/{id}`. */
export interface EndpointName {
  readonly id: EndpointId;
  /** Upper case; `*` is any safe method. */
  readonly method: string;
  readonly template: string;
}

/** Longest endpoint, as in the control API. */
const MAX_LENGTH = 512;
/** Longest chain of segments; deeper ones are no templates but mistakes. */
const MAX_SEGMENTS = 32;

/**
 * Reads `METHOD /path/{parameter}`. A parameter takes one whole segment; `{rest*}` as last segment takes all that follows.
 * What a request could never contain is refused, because such a template would silently match nothing.
 * Names of found endpoints may also end in `{id}.json`: those are how the catalogue calls files.
 */
export function parseEndpoint(text: string, kind: 'listed' | 'any' = 'listed'): Parsed<EndpointName> {
  if (text.length > MAX_LENGTH) return { ok: false, hint: `At most ${MAX_LENGTH} characters.` };
  const [method, template, ...rest] = text.split(/ +/);
  if (method === undefined || template === undefined || rest.length > 0) {
    return text.startsWith('/') && !text.includes(' ')
      ? { ok: false, hint: `Write the method as well: "GET ${text}".` }
      : { ok: false };
  }
  const refusal = refusedMethod(method) ?? refusedTemplate(template, kind);
  if (refusal !== undefined) return { ok: false, hint: refusal };
  // Endpoints are named in this form everywhere; the parts were checked above.
  return { ok: true, value: { id: `${method} ${template}` as EndpointId, method, template } };
}

/** The same text for templates that match the same requests: names of parameters and a last slash do not matter. */
export function endpointShape(name: Pick<EndpointName, 'method' | 'template'>): string {
  const path = name.template.replace(/\/$/, '').replace(/\{[^{}*]*(\*?)\}/g, '{$1}');
  return `${name.method} ${path}`;
}

function refusedMethod(method: string): string | undefined {
  if (method === 'CONNECT' || method === 'TRACE') return `${method} is never passed on.`;
  if (/^(\*|[A-Z][A-Z-]{0,19})$/.test(method)) return undefined;
  if (/^[a-z]+$/i.test(method)) return `Methods are upper case: ${method.toUpperCase()}.`;
  return 'The method comes first: GET, POST …, or * for every safe method.';
}

function refusedTemplate(template: string, kind: 'listed' | 'any'): string | undefined {
  if (!template.startsWith('/')) return 'The path begins with /.';
  const odd = /[?#\\;<>"^`|\s]/.exec(template)?.[0];
  if (odd === '?' || odd === '#') return `Leave out ${odd} and what follows: endpoints are told apart by their path.`;
  if (odd !== undefined) return `Requests with ${JSON.stringify(odd)} in their path are never matched.`;
  const segments = template.slice(1).split('/');
  if (segments.length > MAX_SEGMENTS) return `At most ${MAX_SEGMENTS} segments.`;
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    const refusal = /[{}]/.test(segment)
      ? refusedParameter(segment, { isLast, kind })
      : refusedLiteral(segment, isLast);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function refusedLiteral(segment: string, isLast: boolean): string | undefined {
  if (segment === '' && !isLast) return 'Requests with two slashes in a row are never matched.';
  if (/%(?![0-9a-f]{2})/i.test(segment)) return 'A percent sign is followed by two hexadecimal digits.';
  const decoded = decode(segment);
  if (decoded === undefined) return `${segment} is not percent-encoded UTF-8.`;
  if (decoded === '.' || decoded === '..') return 'Requests with the segments "." and ".." are never matched.';
  if (/[/\\%]|\p{Cc}/u.test(decoded))
    return 'Requests with an encoded slash, percent sign or control are never matched.';
  return undefined;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function refusedParameter(segment: string, place: { isLast: boolean; kind: 'listed' | 'any' }): string | undefined {
  if (place.kind === 'any' && place.isLast && /^\{(id|name)\}\.[a-z0-9]{1,11}$/.test(segment)) return undefined;
  const parameter = /^\{[A-Za-z_][A-Za-z0-9_]{0,63}(\*?)\}$/.exec(segment);
  if (parameter === null) return `A parameter takes a whole segment: {name}, not ${segment}.`;
  return parameter[1] === '*' && !place.isLast ? `${segment} takes all that follows, so it comes last.` : undefined;
}
