import { z } from 'zod';
import type { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { CutoverError } from '../core/errors.ts';
import { FAILURE_KINDS } from '../core/observation.ts';
import type { Pair } from '../verifier/pairs.ts';

/** Files are read whole; a session of a browser has some ten MiB. */
export const MAX_HAR_BYTES = 256 * 1024 * 1024;

const header = z.object({ name: z.string(), value: z.string() });
/** One entry of a HAR 1.2 file (http://www.softwareishard.com/blog/har-12-spec/), as far as it is used. */
const entry = z.object({
  startedDateTime: z.string().optional(),
  request: z.object({
    method: z.string(),
    url: z.string(),
    headers: z.array(header).default([]),
    postData: z.object({ text: z.string().optional() }).optional(),
  }),
  response: z.object({
    /** 0 where no answer came. */
    status: z.int(),
    headers: z.array(header).default([]),
    content: z
      .object({ text: z.string().optional(), encoding: z.string().optional(), mimeType: z.string().optional() })
      .default({}),
  }),
});
const archive = z.object({ log: z.object({ entries: z.array(z.unknown()) }) });

export interface HarEntry {
  /** Its place in the file, from 1. */
  readonly number: number;
  readonly pair: Pair | undefined;
  /** What is wrong with an entry that is no pair. */
  readonly message: string;
}

/**
 * The entries of a HAR 1.2 file as pairs without a candidate: what was recorded counts as the control's answer.
 * An entry without answer (status 0) is a failure; one whose body the recorder left out has none.
 *
 * @throws CutoverError INPUT_INVALID for a text that is no such file.
 */
export function harPairs(text: string, catalog: Pick<EndpointCatalog, 'match'>): readonly HarEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw notHar(`it is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = archive.safeParse(value);
  if (!parsed.success) throw notHar('it has no log.entries');
  const read = () => parsed.data.log.entries.map((raw, index) => harEntry(raw, index + 1, catalog));
  // Templates are found on the way: the second time all are known.
  read();
  return read();
}

function notHar(why: string): CutoverError {
  return new CutoverError('INPUT_INVALID', `The file is no HTTP archive: ${why}.`, {
    hint: 'Browsers write one by "Save all as HAR" in their network tools.',
  });
}

function harEntry(raw: unknown, number: number, catalog: Pick<EndpointCatalog, 'match'>): HarEntry {
  const parsed = entry.safeParse(raw);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    return { number, pair: undefined, message: problems.join('; ') };
  }
  const { request, response, startedDateTime } = parsed.data;
  const url = URL.canParse(request.url) ? new URL(request.url) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return { number, pair: undefined, message: `request.url: ${request.url.slice(0, 100)} is no address of HTTP` };
  const at = Date.parse(startedDateTime ?? '');
  const body = request.postData?.text;
  const pair: Pair = {
    id: `har-${number}`,
    endpoint: catalog.match(request.method, url.pathname).endpoint,
    ...(Number.isNaN(at) ? {} : { at }),
    request: {
      method: request.method,
      path: `${url.pathname}${url.search}`,
      headers: withHost(listOf(request.headers), url.host),
      ...(body === undefined ? {} : { body }),
    },
    control: controlOf(response),
  };
  return { number, pair, message: '' };
}

function controlOf({ status, headers, content }: z.infer<typeof entry>['response']): Pair['control'] {
  if (status < 100 || status > 599) return { failure: FAILURE_KINDS[1] };
  // The texts of HAR are decoded: what was said about codings and lengths of the wire no longer holds.
  const list = listOf(headers).filter(
    ([name]) => !/^(?:content-encoding|transfer-encoding|content-length)$/i.test(name),
  );
  const { text, encoding } = content;
  if (text === undefined) return { status, headers: list };
  return encoding?.toLowerCase() === 'base64'
    ? { status, headers: list, bodyBase64: Buffer.from(text, 'base64').toString('base64') }
    : { status, headers: list, body: text };
}

/** HTTP/2 recordings have pseudo headers (`:path`), which no HTTP/1.1 message can hold. */
function listOf(headers: readonly z.infer<typeof header>[]): [string, string][] {
  return headers.filter(({ name }) => !name.startsWith(':')).map(({ name, value }) => [name, value]);
}

function withHost(list: [string, string][], host: string): [string, string][] {
  return list.some(([name]) => name.toLowerCase() === 'host') ? list : [['Host', host], ...list];
}
