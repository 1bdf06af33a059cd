import { z } from 'zod';
import {
  count,
  day,
  differencePath,
  duration,
  endpoint,
  flag,
  headerName,
  name,
  oneOf,
  pattern,
  prose,
  size,
} from './fields.ts';
import { list, mapping } from './shapes.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const GIB = 1_024 * MIB;
const MAX_RULES = 1_000;

const rule = mapping({
  name: name('a rule').meta({ description: 'Unique. Reports call the rule by it.' }),
  reason: prose(500).meta({ description: 'Why the difference is right. Shown wherever the rule applies.' }),
  endpoint: endpoint('any')
    .exactOptional()
    .meta({ description: 'The endpoint it applies to.', 'x-default': 'every endpoint' }),
  ignore: differencePath()
    .exactOptional()
    .meta({ description: 'Silences differences at this path. An ignored comparison is no evidence, unless `counts`.' }),
  normalise: mapping({
    path: differencePath().meta({ description: 'The values it rewrites.' }),
    pattern: pattern().meta({ description: 'What is replaced, wherever it occurs.' }),
    replace: z
      .string({ error: 'a text' })
      .max(1_024, { error: 'a text of at most 1024 characters' })
      .meta({ title: 'text', description: 'What takes its place, in both values.' }),
  })
    .exactOptional()
    .meta({ description: 'Rewrites both values before they are compared.' }),
  unordered: mapping({
    path: differencePath().meta({ description: 'The array.' }),
    key: prose(256).exactOptional().meta({
      description: 'Member by which its elements are paired.',
      'x-default': 'elements are paired by their whole value',
    }),
  })
    .exactOptional()
    .meta({ description: 'The order of the array at this path does not matter.' }),
  tolerance: mapping({
    path: differencePath().meta({ description: 'The numbers.' }),
    absolute: tolerance().meta({ description: 'Largest difference.' }),
    relative: tolerance().meta({
      description: 'Largest difference as part of the larger magnitude; 0.01 is one percent.',
    }),
  })
    .exactOptional()
    .meta({ description: 'Numbers at this path may differ a little: `absolute` or `relative`.' }),
  counts: flag()
    .prefault(false)
    .meta({ description: 'For `ignore`: an ignored comparison counts as a match. Demands `owner` and `until`.' }),
  owner: prose(128).exactOptional().meta({ description: 'For `ignore`: who answers for it.' }),
  until: day().exactOptional().meta({ description: 'For `ignore`: the last day (UTC) on which the rule applies.' }),
});

function tolerance() {
  const error = 'a number above 0';
  return z.number({ error }).positive({ error }).exactOptional().meta({ title: 'number' });
}

function factor() {
  const error = 'a number from 1.1 to 1000';
  return z.number({ error }).min(1.1, { error }).max(1_000, { error }).meta({ title: 'number' });
}

/** What speaks to caches, browsers and clients; the rest differs between any two servers. */
export const COMPARED_HEADERS = [
  'content-type',
  'location',
  'content-location',
  'refresh',
  'cache-control',
  'expires',
  'vary',
  'set-cookie',
  'content-language',
  'www-authenticate',
  'content-disposition',
  'link',
  'retry-after',
  'allow',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
  'content-security-policy',
  'content-security-policy-report-only',
  'strict-transport-security',
  'x-frame-options',
  'x-content-type-options',
  'referrer-policy',
  'permissions-policy',
  'cross-origin-opener-policy',
  'cross-origin-embedder-policy',
  'cross-origin-resource-policy',
  'clear-site-data',
] as const;

export const compare = mapping({
  headers: list(headerName(), 200)
    .prefault([...COMPARED_HEADERS])
    .meta({
      description:
        'Answer headers that are compared, besides status and body; `set-cookie` attribute by attribute. Giving the list replaces it.',
    }),
  keyOrder: flag().prefault(false).meta({ description: 'True if the order of members of JSON objects matters.' }),
  htmlComments: oneOf(['ignore', 'compare']).prefault('ignore').meta({
    description:
      'Whether comments of HTML pages count: their texts and order. A rule with the path `body/comments/**` excuses those of its endpoint.',
  }),
  slowerThan: mapping({
    factor: factor().prefault(3).meta({ description: 'How many times as long as the control.' }),
    by: duration(1).prefault('500ms').meta({ description: 'How much longer than the control.' }),
  })
    .exactOptional()
    .meta({
      description:
        'A candidate that answers the same, but takes longer than both say, is a mismatch (`timing`) once it was asked again: the quicker of its two answers counts against the slower of the control. Demands `confirm`.',
      'x-default': 'how long an answer takes is no difference',
    }),
  rules: list(rule, MAX_RULES)
    .prefault([])
    .meta({ description: 'What may differ, each with its reason. Changing the rules begins an epoch.' }),
  workers: count(1, 64).prefault(1).meta({ description: 'Threads that compare, apart from the thread that serves.' }),
  queue: count(1, 100_000)
    .prefault(500)
    .meta({ description: 'Pairs that wait to be compared. More are dropped and counted as unverified.' }),
  timeout: duration(10, 60_000)
    .prefault('1s')
    .meta({ description: 'For one comparison; beyond it the verdict is inconclusive.' }),
  maxDecoded: size(KIB, GIB).prefault('8MiB').meta({
    description:
      'Size of one body after decompression; beyond it the verdict is inconclusive. Stops compression bombs.',
  }),
  confirm: flag().prefault(true).meta({
    description: 'Asks the control again before a mismatch counts, because data changes between two readings.',
  }),
}).prefault({});
