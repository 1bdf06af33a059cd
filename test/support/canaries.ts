import { randomBytes } from 'node:crypto';

/** What a client sends to hide a secret in. */
export interface Canary {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A secret with characters that URLs escape, so that its encodings differ from it. */
export function canary(n: number): string {
  return `K${n}!${randomBytes(12).toString('hex')}/+${n}`;
}

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
/** Where a client may put a secret; each also comes back in the answer of both sides. */
export const PLACES: readonly ((secret: string) => Canary)[] = [
  (secret) => ({ headers: { authorization: `Bearer ${secret}` } }),
  (secret) => ({ headers: { authorization: `Basic ${Buffer.from(`user:${secret}`).toString('base64')}` } }),
  (secret) => ({ headers: { 'x-api-key': secret } }),
  (secret) => ({ headers: { cookie: `session=${encodeURIComponent(secret)}; theme=dark` } }),
  (secret) => ({ path: `/items?password=${encodeURIComponent(secret)}&page=2` }),
  (secret) => ({ path: `/items?api_key=${encodeURIComponent(secret)}` }),
  (secret) => ({ method: 'POST', headers: json, body: JSON.stringify({ user: 'ann', password: secret }) }),
  (secret) => ({ method: 'POST', headers: json, body: JSON.stringify({ deep: [{ client_secret: secret }] }) }),
  (secret) => ({ method: 'POST', headers: form, body: `name=ann&password=${encodeURIComponent(secret)}` }),
  (secret) => ({
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=part' },
    body: `--part\r\nContent-Disposition: form-data; name="password"\r\n\r\n${secret}\r\n--part--\r\n`,
  }),
  (secret) => ({
    method: 'POST',
    headers: json,
    body: JSON.stringify({ query: 'query Q($token: String) { me }', variables: { token: secret } }),
  }),
  (secret) => ({ headers: { referer: `https://shop.example/login?token=${encodeURIComponent(secret)}` } }),
  (secret) => ({
    path: `/items?state=${Buffer.from(JSON.stringify({ token: secret, page: 2 })).toString('base64url')}`,
  }),
  (secret) => ({ headers: { 'x-test-answer': secret } }),
  // The answers come back compressed.
  (secret) => ({ headers: { 'x-test-answer': secret, 'accept-encoding': 'gzip' } }),
];

/** All the ways a secret could lie somewhere. */
export function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const forms = new Set([
    secret,
    encodeURIComponent(secret),
    encodeURIComponent(secret).replace(/%2F/g, '/'),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    JSON.stringify(secret).slice(1, -1).replace(/\//g, '\\/'),
    // The hard part of it, however the rest is written.
    secret.slice(secret.indexOf('!') + 1, secret.indexOf('/')),
    Buffer.from(`user:${secret}`).toString('base64').slice(8),
  ]);
  return [...forms];
}

/** What a side answers: both show the secret that came in a header, and the candidate another form of it. */
export function canaryAnswer(
  side: string,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  received: { readonly id: string; readonly bodyLength: number },
): { readonly headers: Readonly<Record<string, string>>; readonly text: string } {
  const given = String(headers['x-test-answer'] ?? headers['x-api-key'] ?? '');
  return {
    headers: {
      'content-type': 'application/json',
      'set-cookie': `session=${encodeURIComponent(given)}; Path=/; HttpOnly`,
    },
    text: JSON.stringify({
      id: received.id,
      price: side === 'control' ? 10 : 12,
      token: given,
      password: side === 'control' ? given : `${given}x`,
      received: { password: received.bodyLength },
    }),
  };
}
