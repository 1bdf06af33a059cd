import type { CapturedRequest } from '../core/observation.ts';
import type { StoredSession } from '../core/ports.ts';
import type { Redaction } from '../core/redact.ts';
import { type ChainLink, type ChainRequest, type ChainStep, linksOf, neededSteps } from '../core/session-chain.ts';
import type { TrailStep } from './session-trail.ts';
import { redactedRequest, type StoreOptions } from './stored-exchange.ts';

/**
 * What led to a request, as it may leave the thread: redacted requests, and for each value that an earlier answer held
 * its place there. The values themselves stay behind (I8). Undefined where the request needs none of the steps.
 */
export function storedSession(
  steps: readonly TrailStep[],
  request: CapturedRequest,
  options: StoreOptions,
): StoredSession | undefined {
  const chain: ChainStep[] = steps.map((step) => {
    const body = step.body.length === 0 ? undefined : options.textOf(step.headers, step.body);
    return { request: plain(step.request), headers: step.headers, ...(body === undefined ? {} : { body }) };
  });
  const links = linksOf([...chain, { request: plain(request), headers: [] }]);
  const needed = neededSteps(links);
  const own = links.at(-1) ?? [];
  if (own.length === 0) return undefined;
  const place = new Map(needed.map((step, index) => [step, index]));
  const redaction = options.redactor.begin();
  const kept = (list: readonly ChainLink[]): ChainLink[] =>
    list
      .map((link) => ({ ...link, step: place.get(link.step) ?? 0 }))
      // Names of members and fields may be data themselves; a place that may not be told is of no use.
      .filter((link) => isPublic(link, redaction));
  return {
    steps: needed.slice(0, -1).flatMap((index) => {
      const step = steps[index];
      if (step === undefined) return [];
      return [
        {
          endpoint: step.cell.endpoint,
          request: redactedRequest(step.request, options),
          links: kept(links[index] ?? []),
        },
      ];
    }),
    links: kept(own),
  };
}

function isPublic({ from, to }: ChainLink, redaction: Redaction): boolean {
  return redaction.text(from) === from && redaction.text(to) === to;
}

function plain({ method, target, headers, body }: CapturedRequest): ChainRequest {
  return { method, target, headers, ...(body === undefined ? {} : { body: Buffer.from(body).toString('utf8') }) };
}
