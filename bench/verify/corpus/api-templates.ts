import type { Random } from '../random.ts';

/**
 * Templates in the manner of large public web APIs: code hosting, payments, shop, chat, maps, media, tracking, files.
 * `{kind}` is a value drawn by `VALUES`; names are fixed. Each line is a base and what may follow it.
 */
const LINES: readonly string[] = [
  '/ | /status /health /robots.txt /openapi.json /v1/meta /v2/meta /oauth2/token /oauth2/authorize /.well-known/jwks.json',
  '/users | / /{user} /{user}/repos /{user}/orgs /{user}/followers /{user}/following /{user}/following/{user} /{user}/keys /{user}/events/public /{user}/starred /search',
  '/user | / /repos /emails /keys /keys/{int} /starred/{user}/{repo} /memberships/orgs/{user} /blocks/{user} /issues /orgs /teams',
  '/orgs/{user} | / /members /members/{user} /repos /teams /teams/{slug} /teams/{slug}/members /hooks /hooks/{int} /hooks/{int}/pings /invitations /audit-log /projects /packages /blocks /secret-scanning/alerts /outside_collaborators',
  '/repos/{user}/{repo} | / /issues /issues/{int} /issues/{int}/comments /issues/comments/{int} /issues/{int}/labels /issues/{int}/labels/{slug} /issues/{int}/assignees /issues/{int}/timeline /issues/{int}/lock /pulls /pulls/{int} /pulls/{int}/files /pulls/{int}/commits /pulls/{int}/reviews /pulls/{int}/reviews/{int} /pulls/{int}/merge /pulls/comments /pulls/comments/{int}',
  '/repos/{user}/{repo} | /commits /commits/{sha} /commits/{sha}/status /commits/{sha}/comments /branches /branches/{branch} /branches/{branch}/protection /tags /tags/{version} /releases /releases/latest /releases/{int} /releases/{int}/assets /releases/assets/{int} /releases/tags/{version} /git/blobs/{sha} /git/trees/{sha} /git/commits/{sha} /git/tags/{sha} /compare/{range} /contents/{name} /readme /license /languages /topics /contributors /stargazers /subscribers /forks /merges /deployments',
  '/repos/{user}/{repo} | /deployments/{int} /deployments/{int}/statuses /hooks /hooks/{int} /hooks/{int}/tests /keys /keys/{int} /labels /labels/{slug} /milestones /milestones/{int} /collaborators /collaborators/{user} /actions/runs /actions/runs/{int} /actions/runs/{int}/jobs /actions/runs/{int}/logs /actions/jobs/{int} /actions/artifacts /actions/artifacts/{int} /actions/workflows /actions/workflows/{int}/runs /actions/secrets /actions/secrets/public-key /pages /pages/builds /pages/builds/latest /traffic/views /traffic/clones /stats/participation /stats/code_frequency /invitations /transfer /archive',
  '/gists | / /public /starred /{hex32} /{hex32}/comments /{hex32}/comments/{int} /{hex32}/star /{hex32}/{sha}',
  '/search | /code /commits /issues /labels /repositories /topics /users',
  '/notifications | / /threads/{int} /threads/{int}/subscription',
  '/v1/customers | / /{prefixed} /{prefixed}/sources /{prefixed}/sources/{prefixed} /{prefixed}/subscriptions /{prefixed}/balance_transactions /{prefixed}/tax_ids /{prefixed}/discount /search',
  '/v1/charges | / /{prefixed} /{prefixed}/capture /{prefixed}/refunds /{prefixed}/dispute /search',
  '/v1/payment_intents | / /{prefixed} /{prefixed}/confirm /{prefixed}/capture /{prefixed}/cancel /search',
  '/v1/invoices | / /upcoming /{prefixed} /{prefixed}/lines /{prefixed}/pay /{prefixed}/send /{prefixed}/void /{prefixed}/finalize',
  '/v1 | /balance /balance_transactions /balance_transactions/{prefixed} /payouts /payouts/{prefixed} /payouts/{prefixed}/reverse /products /products/{prefixed} /prices /prices/{prefixed} /plans /plans/{prefixed} /coupons /coupons/{coupon} /disputes /disputes/{prefixed} /disputes/{prefixed}/close /events /events/{prefixed} /files /files/{prefixed} /tokens /tokens/{prefixed} /webhook_endpoints /webhook_endpoints/{prefixed} /accounts /accounts/{prefixed} /accounts/{prefixed}/persons /accounts/{prefixed}/persons/{prefixed} /country_specs /country_specs/{country}',
  '/shop/products | / /{slug} /{slug}/reviews /{slug}/reviews/{int} /{slug}/related /new /bestsellers /sale',
  '/shop/categories | / /{slug} /{slug}/products /{slug}/filters',
  '/shop | /cart /cart/items /cart/items/{sku} /cart/coupons/{coupon} /checkout /checkout/{uuid} /checkout/{uuid}/shipping /checkout/{uuid}/payment /orders /orders/{order} /orders/{order}/items /orders/{order}/returns /orders/{order}/invoice.pdf /wishlists/{uuid} /variants/{sku} /variants/{sku}/stock /brands /brands/{slug} /stores /stores/{int} /stores/{int}/opening-hours',
  '/{locale} | / /about /contact /imprint /blog /blog/{slug} /help /help/{slug} /careers /careers/{int}',
  '/blog | / /{slug} /archive/{date} /months/{month} /authors/{user} /tags/{slug} /feed.xml',
  '/media | /images/{hash}.png /images/{hash}.jpg /thumbnails/{uuid}.webp /videos/{base62} /videos/{base62}/captions /videos/{base62}/captions/{locale} /playlists/{base62} /playlists/{base62}/items /uploads /uploads/{ulid} /uploads/{ulid}/parts/{int}',
  '/static | /css/{asset}.css /js/{asset}.js /fonts/{asset}.woff2 /manifest.webmanifest',
  '/api/v2/tickets | / /{int} /{int}/comments /{int}/audits /{int}/collaborators /{int}/tags /{int}/merge /recent /show_many /create_many /count',
  '/api/v2 | /organizations /organizations/{int} /organizations/{int}/tickets /groups /groups/{int} /groups/{int}/users /macros /macros/{int}/apply /views /views/{int}/execute /triggers /triggers/{int} /satisfaction_ratings /satisfaction_ratings/{int} /people /people/me /people/{int} /people/{int}/identities /people/{int}/tickets/requested',
  '/api/v4/projects | / /{int} /{int}/members /{int}/members/{int} /{int}/pipelines /{int}/pipelines/{int} /{int}/pipelines/{int}/jobs /{int}/jobs/{int}/artifacts /{int}/jobs/{int}/trace /{int}/wikis /{int}/wikis/{slug} /{int}/variables /{int}/variables/{constant} /{int}/snippets /{int}/snippets/{int}/raw /{int}/environments /{int}/environments/{int} /{int}/boards/{int}/lists',
  '/teams/{ulid} | / /channels /channels/{ulid} /channels/{ulid}/messages /channels/{ulid}/messages/{snowflake} /channels/{ulid}/messages/{snowflake}/reactions /channels/{ulid}/pins /members /members/{ulid} /roles /roles/{snowflake} /emojis /emojis/{snowflake} /invites /invites/{code} /webhooks',
  '/geo | /countries /countries/{country} /countries/{country}/regions /cities/{slug} /cities/{slug}/weather /tiles/{int}/{int}/{int}.png /postcodes/{postcode} /geocode /reverse /ip/{ip}',
  '/calendar | /days/{date} /days/{date}/events /events /events/{uuid} /events/{uuid}/attendees /events/{uuid}/attendees/{email} /timezones /holidays/{country}/{year}',
  '/accounts/{email} | / /aliases /aliases/{email} /filters /filters/{int} /threads /threads/{hex16} /threads/{hex16}/attachments/{name}',
  '/storage | /buckets /buckets/{bucket} /buckets/{bucket}/objects /buckets/{bucket}/objects/{name} /buckets/{bucket}/acl /buckets/{bucket}/cors',
  '/packages | /{package} /{package}/versions /{package}/versions/{version} /{package}/downloads/{date} /{package}/maintainers',
  '/reports | / /daily/{date}.csv /monthly/{month}.pdf /{uuid} /{uuid}/rows /{uuid}/export.xlsx',
  '/iot/devices | / /{mac} /{mac}/telemetry /{mac}/commands /{mac}/commands/{uuid} /{mac}/firmware/{version}',
  '/courses/{slug} | / /lessons /lessons/{int} /lessons/{int}/quiz /enrollments /enrollments/{user} /certificates/{code}',
  '/jobs | / /{int} /{int}/apply /companies /companies/{slug} /companies/{slug}/reviews /salaries/{slug} /locations/{slug}',
  '/music | /artists/{base62} /artists/{base62}/albums /artists/{base62}/top-tracks /albums/{base62} /albums/{base62}/tracks /tracks/{base62} /audio-features/{base62} /me/player /me/player/devices /me/playlists /browse/new-releases /browse/categories /browse/categories/{slug}',
];

const METHODS: Readonly<Record<string, string>> = {
  cart: 'POST',
  merge: 'PUT',
  capture: 'POST',
  confirm: 'POST',
  pay: 'POST',
  star: 'PUT',
};

/** One endpoint of the API, as a person would list it. */
export interface ApiTemplate {
  readonly method: string;
  /** Kinds of values in braces, as in `VALUES`. */
  readonly template: string;
}

const LOCALES = ['en', 'de', 'fr', 'es', 'it', 'ja', 'en-US', 'en-GB', 'pt-BR', 'zh-Hans'];

/** All templates; codes of languages are names, so a template with one stands for as many as there are codes. */
export function apiTemplates(): ApiTemplate[] {
  const templates = LINES.flatMap((line) => {
    const [base = '', rest = ''] = line.split(' | ');
    return rest.split(' ').map((end) => `${base === '/' ? '' : base}${end === '/' ? '' : end}` || '/');
  });
  const told = templates.flatMap((template) =>
    template.includes('{locale}') ? LOCALES.map((locale) => template.replace('{locale}', locale)) : [template],
  );
  return [...new Set(told)].map((template) => ({
    method: METHODS[template.split('/').at(-1) ?? ''] ?? 'GET',
    template,
  }));
}

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGITS = '0123456789';
const HEX = '0123456789abcdef';
const BASE62 = `${DIGITS}${LOWER}${UPPER}`;
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const SYLLABLES = (
  'ba be bi co da de do el en fa fi ga ge ha in ka ko la le li lo ma me mi mo na ne no ol pa pe ra re ri ro sa se si so ' +
  'ta te ti to un va ve wa wi xa yo ze'
).split(' ');

/** A made-up word. */
export function word(random: Random): string {
  return Array.from({ length: random.integer(2, 4) }, () => random.pick(SYLLABLES)).join('');
}

function words(random: Random, least: number, most: number, between = '-'): string {
  return Array.from({ length: random.integer(least, most) }, () => word(random)).join(between);
}

function day(random: Random): string {
  return `${random.integer(1990, 2030)}-${two(random.integer(1, 12))}-${two(random.integer(1, 28))}`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function dashed(random: Random, alphabet: string, ...lengths: readonly number[]): string {
  return lengths.map((length) => random.text(alphabet, length)).join('-');
}

/** How values of each kind look. */
const VALUES: Readonly<Record<string, (random: Random) => string>> = {
  int: (r) => String(Math.floor(10 ** (r.next() * 9))),
  year: (r) => String(r.integer(1990, 2030)),
  snowflake: (r) => `${r.integer(1, 9)}${r.text(DIGITS, 17)}`,
  uuid: (r) => dashed(r, HEX, 8, 4, 4, 4, 12),
  ulid: (r) => `01${r.text(CROCKFORD, 24)}`,
  sha: (r) => r.text(HEX, r.chance(0.3) ? 7 : 40),
  hex16: (r) => r.text(HEX, 16),
  hex32: (r) => r.text(HEX, 32),
  hash: (r) => r.text(HEX, 12),
  base62: (r) => r.text(BASE62, 22),
  code: (r) => r.text(BASE62, 8),
  prefixed: (r) => `${r.pick(['cus', 'ch', 'pi', 'in', 'sub', 'evt'])}_${r.text(BASE62, 14)}`,
  date: day,
  month: (r) => day(r).slice(0, 7),
  locale: (r) => r.pick(LOCALES),
  slug: (r) => words(r, 1, 5) + (r.chance(0.2) ? `-${r.integer(2, 99)}` : ''),
  repo: (r) => r.pick([words(r, 1, 3), words(r, 2, 2, '_'), `${word(r)}.js`, capital(word(r)) + capital(word(r))]),
  user: (r) =>
    r.pick([word(r), `${word(r)}${r.integer(1, 99)}`, words(r, 2, 2), words(r, 2, 2, '_'), capital(word(r))]),
  branch: (r) => r.pick(['main', 'develop', words(r, 2, 3), `fix-${r.integer(1, 9999)}`, word(r)]),
  version: (r) => `${r.pick(['v', ''])}${r.integer(0, 20)}.${r.integer(0, 40)}.${r.integer(0, 99)}`,
  range: (r) => `${word(r)}...${words(r, 1, 2)}`,
  name: (r) =>
    `${words(r, 1, 2, r.pick(['-', '_']))}${r.pick(['', '-7', '-42'])}.${r.pick(['bak', 'dat', 'raw', 'tmp'])}`,
  asset: (r) => `${word(r)}-${r.text(HEX, 8)}`,
  coupon: (r) => r.text(`${UPPER}${DIGITS}`, 8),
  country: (r) => r.text(UPPER, 2),
  sku: (r) => `${r.text(UPPER, 3)}-${r.text(DIGITS, 3)}-${r.pick(['S', 'M', 'L', 'XL', 'BLK'])}`,
  order: (r) => `ORD-${r.text(DIGITS, 8)}`,
  constant: (r) => `${word(r)}_${word(r)}`.toUpperCase(),
  postcode: (r) => r.text(DIGITS, 5),
  ip: (r) => Array.from({ length: 4 }, () => r.integer(0, 255)).join('.'),
  email: (r) => `${word(r)}.${word(r)}@${word(r)}.example`,
  bucket: (r) => `${words(r, 2, 3)}-${r.pick(['prod', 'test', 'eu', 'us'])}`,
  package: (r) => r.pick([words(r, 1, 3), words(r, 2, 2, '.'), word(r)]),
  mac: (r) => dashed(r, HEX, 2, 2, 2, 2, 2, 2).replaceAll('-', r.pick([':', '-'])),
};

/** Kinds whose values look like words: slugs, names of people, of branches, of files. */
export const WORDS: ReadonlySet<string> = new Set('slug repo user branch package bucket name range'.split(' '));

/** The kinds of values of a template, in order. */
export function kindsOf({ template }: ApiTemplate): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, kind = '']) => kind);
}

/** A path of a template, with values drawn anew. */
export function pathOf({ template }: ApiTemplate, random: Random): string {
  return template.replace(/\{(\w+)\}/g, (_, kind: string) => VALUES[kind]?.(random) ?? kind);
}
