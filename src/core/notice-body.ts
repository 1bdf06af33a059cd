import type { Notice } from './notice.ts';

/** Longest evidence that is sent along, in characters of JSON; a journal entry may spell out a thousand proofs. */
const MAX_EVIDENCE = 16_384;

/** A notice on its way; `id` is the same for every try and every target. */
export interface Message {
  readonly id: string;
  readonly notice: Notice;
}

/** What a webhook gets, as JSON. `evidence` is left out where it is longer than 16 KiB; the journal has it. */
export function webhookBody({ id, notice }: Message): string {
  const { kind, at, title, text, scope, actor, reason, evidence, revision, count } = notice;
  const body = { id, kind, at, title, text, scope, actor, reason, revision: revision ?? null, count };
  const told = evidence === undefined ? undefined : JSON.stringify(evidence);
  return JSON.stringify(told === undefined || told.length > MAX_EVIDENCE ? body : { ...body, evidence });
}

/** What Slack and those who take its messages get: a plain title and text. Nothing in it links, mentions or is fetched. */
export function slackBody({ notice }: Message): string {
  const { title, text, scope, actor } = notice;
  const plain = (value: string) => ({ type: 'plain_text', text: inert(value), emoji: false });
  const sections = [plain(title), ...(text === '' ? [] : [plain(text)])].map((part) => ({
    type: 'section',
    text: part,
  }));
  const context = { type: 'context', elements: [plain(`${scope} · ${actor}`)] };
  return JSON.stringify({
    text: inert(text === '' ? title : `${title}\n${text}`),
    blocks: [...sections, context],
    unfurl_links: false,
    unfurl_media: false,
  });
}

/**
 * Slack's three control characters as entities; a mention (`@all`, in those that look for them in plain text) is broken
 * by a space nobody sees: tenants choose their own names.
 */
function inert(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('@', '@\u200b');
}
