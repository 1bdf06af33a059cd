import { isTokenName } from '../noise/token.ts';
import { decoded, nounOfTemplate } from './find-pairs.ts';
import { isCursorName, isIdName, isShortId, looksMade, MIN_TOKEN, nounOf } from './made.ts';

/** A request by its parts, as it is sent. */
export interface RewritableRequest {
  readonly target: string;
  /** Name, value, name, value …; latin1. */
  readonly headers: readonly string[];
  readonly body?: string;
  /** Of the body, lower case; empty where none is known. */
  readonly contentType: string;
}

/** The other side's name for a value of a kind; undefined where it is not known. */
export type Translate = (kind: string, value: string) => string | undefined;

/** A value that looks like one side's own and could not be translated, and where it stood: `segment:2`, `query:cursor`, `body:order_id`. */
export interface Untranslated {
  readonly place: string;
  readonly value: string;
}

export interface Rewritten {
  readonly request: RewritableRequest;
  readonly untranslated: readonly Untranslated[];
  /** Places at which something was translated. */
  readonly translated: readonly string[];
}

/** Places told of one request. */
const MAX_TOLD = 64;
/** Longer bodies are sent as they are. */
const MAX_BODY = 262_144;

/**
 * A request with every value the other side has its own name for under that name. Whole values only: path segments, query
 * values, cookies, headers, form fields, texts and numbers of JSON. Everything else stays as it is, byte by byte.
 *
 * @param template The endpoint's path, which says what `id` stands for.
 */
export function rewriteRequest(request: RewritableRequest, template: string, translate: Translate): Rewritten {
  const rewriting = new Rewriting(template, translate);
  const headers = rewriting.headers(request.headers);
  const target = rewriting.target(request.target);
  const { body } = request;
  return {
    request: {
      ...request,
      target,
      headers,
      ...(body === undefined ? {} : { body: rewriting.body(body, request.contentType) }),
    },
    untranslated: rewriting.untranslated,
    translated: rewriting.translated,
  };
}

class Rewriting {
  readonly untranslated: Untranslated[] = [];
  readonly translated: string[] = [];
  readonly #noun: string;
  readonly #translate: Translate;

  constructor(template: string, translate: Translate) {
    this.#noun = nounOfTemplate(template);
    this.#translate = translate;
  }

  target(target: string): string {
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    const segments = path.split('/');
    const written = segments.map((segment, at) => this.#segment(segment, segments[at - 1] ?? '', at)).join('/');
    return mark < 0 ? written : `${written}?${this.#fields(target.slice(mark + 1), 'query')}`;
  }

  #segment(segment: string, before: string, at: number): string {
    const value = decoded(segment);
    const found = this.#value(value, nounOf(decoded(before)), `segment:${at}`);
    if (found !== undefined) return encodeURIComponent(found);
    // `/orders/17.json`: the id with a format behind it.
    const [, stem = '', format = ''] = /^(.+)(\.[a-z]{1,5})$/.exec(value) ?? [];
    const known = stem === '' ? undefined : this.#known(stem, nounOf(decoded(before)));
    return known === undefined ? segment : encodeURIComponent(known) + format;
  }

  #fields(text: string, where: string): string {
    return text
      .split('&')
      .map((part) => {
        const equals = part.indexOf('=');
        if (equals < 0) return part;
        const name = decoded(part.slice(0, equals));
        const found = this.#named(name, decoded(part.slice(equals + 1).replaceAll('+', '%20')), `${where}:${name}`);
        return found === undefined ? part : `${part.slice(0, equals)}=${encodeURIComponent(found)}`;
      })
      .join('&');
  }

  headers(headers: readonly string[]): string[] {
    const written = [...headers];
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const name = (headers[at] as string).toLowerCase(); // the bounds were checked
      const value = headers[at + 1] as string;
      if (name === 'cookie') written[at + 1] = this.#cookies(value);
      else if (name === 'authorization') written[at + 1] = this.#authorization(value);
      else if (name === 'referer') written[at + 1] = this.#reference(value);
      else written[at + 1] = this.#token(name, value) ?? value;
    }
    return written;
  }

  /** Other headers hold what a page gave: a token against forgery that cannot be translated would be one that is wrong. */
  #token(name: string, value: string): string | undefined {
    const known = value.length < MIN_TOKEN ? undefined : this.#translate('', value);
    const place = `header:${name}`;
    if (known !== undefined) return this.#took(place, known);
    if (isTokenName(name) && looksMade(value) && this.untranslated.length < MAX_TOLD)
      this.untranslated.push({ place, value });
    return undefined;
  }

  #cookies(value: string): string {
    return value
      .split(';')
      .map((part) => {
        const equals = part.indexOf('=');
        if (equals < 0) return part;
        const text = part.slice(equals + 1).trim();
        const known = this.#translate(`cookie:${part.slice(0, equals).trim()}`, text) ?? this.#translate('', text);
        return known === undefined ? part : part.slice(0, equals + 1) + known;
      })
      .join(';');
  }

  #authorization(value: string): string {
    const [, scheme = '', token = ''] = /^(\S+\s+)?(\S+)$/.exec(value) ?? [];
    const known = token === '' ? undefined : this.#translate('', token);
    return known === undefined ? value : scheme + known;
  }

  /** Where a page came from is no cause to leave a copy out. */
  #reference(value: string): string {
    const [, origin = '', rest = ''] = /^(https?:\/\/[^/?#]*)(.*)$/i.exec(value) ?? [];
    if (origin === '') return value;
    const quiet = new Rewriting('', this.#translate);
    return origin + quiet.target(rest);
  }

  body(body: string, contentType: string): string {
    if (body === '' || body.length > MAX_BODY) return body;
    if (contentType.startsWith('application/x-www-form-urlencoded')) return this.#fields(body, 'body');
    if (/^application\/(?:[\w.+-]+\+)?json\b/.test(contentType)) return this.#json(body);
    return body;
  }

  /**
   * Texts and numbers of a JSON text, each in its place: nothing else of the text is touched, however it is written.
   * A text that is followed by a colon is a name.
   */
  #json(body: string): string {
    let name = '';
    return body.replace(/"(?:[^"\\]|\\.)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token, colon?: string) => {
      const isText = token.startsWith('"');
      const text = isText ? unquoted(colon === undefined ? token : token.slice(0, -colon.length)) : token;
      if (text === undefined) return token;
      if (colon !== undefined) {
        name = text;
        return token;
      }
      const found = this.#named(name, text, `body:${name}`);
      if (found === undefined) return token;
      return isText ? JSON.stringify(found) : /^\d+$/.test(found) ? found : token;
    });
  }

  #named(name: string, value: string, place: string): string | undefined {
    if (isCursorName(name)) {
      const known = this.#translate(name.toLowerCase(), value);
      if (known !== undefined) return this.#took(place, known);
    }
    return this.#value(value, nounOf(name) || (isIdName(name) ? this.#noun : ''), place);
  }

  #value(value: string, noun: string, place: string): string | undefined {
    const known = this.#known(value, noun);
    if (known !== undefined) return this.#took(place, known);
    const isOwn = looksMade(value) || (noun !== '' && isShortId(value));
    if (isOwn && this.untranslated.length < MAX_TOLD) this.untranslated.push({ place, value });
    return undefined;
  }

  #known(value: string, noun: string): string | undefined {
    const known = value.length < MIN_TOKEN ? undefined : this.#translate('', value);
    if (known !== undefined || noun === '' || !isShortId(value)) return known;
    return this.#translate(noun, value);
  }

  #took(place: string, known: string): string {
    if (this.translated.length < MAX_TOLD) this.translated.push(place);
    return known;
  }
}

function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
