import { z } from 'zod';
import { NOTICE_KINDS, USUAL_KINDS } from '../core/notice.ts';
import { message, name, oneOf } from './fields.ts';
import { parseNoticeUrl } from './network.ts';
import { secretReference } from './references.ts';
import { list, mapping } from './shapes.ts';

/** Most targets: a few channels and a few programs. */
const MAX_TARGETS = 20;

const EXPECTED = 'a URL such as https://hooks.example/cutover, {env: NAME} or {file: path}';

/** A URL, or where it lies: those of chat services are secrets themselves. */
function noticeUrl() {
  const plain = z.string().transform((text, context): { readonly url: string } => {
    const parsed = parseNoticeUrl(text);
    if (parsed.ok) return parsed.value;
    context.addIssue({ code: 'custom', message: message(parsed.expected ?? EXPECTED, parsed.hint) });
    return z.NEVER;
  });
  const error = ({ input }: { readonly input: unknown }): string => {
    const parsed = typeof input === 'string' ? parseNoticeUrl(input) : undefined;
    return parsed === undefined || parsed.ok ? EXPECTED : message(parsed.expected ?? EXPECTED, parsed.hint);
  };
  return z.union([plain, secretReference()], { error }).meta({
    title: 'URL or reference',
    description:
      'Where notices are posted, over http or https. Redirects are not followed. Loopback and private addresses are allowed, link-local ones and those of metadata services are not, nor names that lead there. Whoever knows the address of a chat channel can write to it: keep it in `{env: NAME}` or `{file: path}`.',
  });
}

const target = mapping(
  {
    name: name('a target').meta({ description: 'What the target is called in logs, metrics and `cutover notify`.' }),
    url: noticeUrl(),
    format: oneOf(['webhook', 'slack']).prefault('webhook').meta({
      description: '`webhook`: one JSON object with everything. `slack`: a message as Slack and those like it take it.',
    }),
    on: list(oneOf(NOTICE_KINDS).meta({ title: 'kind' }), NOTICE_KINDS.length, 1)
      .prefault([...USUAL_KINDS])
      .meta({ description: `What it is told of; there are ${NOTICE_KINDS.map((kind) => `\`${kind}\``).join(', ')}.` }),
    secret: secretReference().exactOptional().meta({
      description:
        'Key of the header `Cutover-Signature` (HMAC-SHA256), at least 32 characters: `{env: NAME}` or `{file: path}`. Only with `webhook`. Absent: nothing is signed.',
    }),
  },
  'a mapping with the keys name and url',
);

/** `notify`. */
export const notify = list(target, MAX_TARGETS).prefault([]).meta({
  description:
    'Who is told when traffic moves, is taken back, or differs. Telling never delays anything; what cannot be delivered is tried again for an hour.',
});
