/**
 * Whether a method is meant to have no effect (RFC 9110, section 9.2.1). Methods are case-sensitive.
 * TRACE is left out on purpose: its answer repeats the request's secrets, so it is never mirrored.
 */
export function isSafeMethod(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/**
 * Whether a request has effects: every unsafe method, and a GET or HEAD which, by its target, does something all the same.
 * Such a request is never mirrored and never repeated.
 *
 * The built-in list, case-insensitive, each time a whole path segment (percent-decoded, extension and `-` `_` left out,
 * so `sign_out.php` is `signout`):
 * - leaving: logout, logoff, signout, signoff, unsubscribe, optout;
 * - deeds: delete, remove, destroy, cron, trigger, and RPC names that begin with such a verb (`deleteUser`, `delete_user`);
 * - one-time links: magiclink, otp, onetime; confirm, verify, activate, reset and the like when a token-like segment follows;
 * - the return from a sign-in: `oauth`, `auth`, `sso` … followed by `callback`;
 * - tokens in the query: `token`, `…_token` (page tokens excepted), `otp`, `ticket`, `code` (with `state`, or token-like),
 *   a signature with an expiry; and `action=logout` and its like.
 *
 * `/products/logout-cap` does not act: a word inside a slug is a name. `/help/logout` counts as acting:
 * wrongly left out of the mirror costs one comparison, wrongly mirrored costs a user's session.
 *
 * @param target Path and query, as the client sent them.
 */
export function requestActs(method: string, target: string): boolean {
  if (!isSafeMethod(method)) return true;
  if (method === 'OPTIONS') return false;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return pathActs(path) || (mark >= 0 && queryActs(target.slice(mark + 1)));
}

const LEAVING = ['logout', 'logoff', 'signout', 'signoff', 'unsubscribe', 'optout'];
const DEEDS = ['delete', 'remove', 'destroy', 'trigger', 'deleteaccount', 'removeaccount', 'cancelsubscription'];
const ACTING: ReadonlySet<string> = new Set([
  ...LEAVING,
  ...DEEDS,
  ...['cron', 'cronjob', 'wpcron', 'magiclink', 'magiclogin', 'loginlink', 'otp', 'onetime', 'onetimelogin'],
  ...['onetimelink', 'onetimepassword', 'signinoidc'],
]);

/** Act only when something like a token comes after them, in the path. */
const CONFIRMING: ReadonlySet<string> = new Set([
  ...['confirm', 'confirmation', 'confirmemail', 'emailconfirm', 'emailconfirmation', 'verify', 'verification'],
  ...['verifyemail', 'emailverify', 'emailverification', 'activate', 'activation', 'reset', 'resetpassword'],
  ...['passwordreset', 'validate', 'invite', 'invitation', 'accept', 'approve', 'magic'],
]);

const SIGN_IN: ReadonlySet<string> = new Set([
  ...['oauth', 'oauth2', 'auth', 'oidc', 'openid', 'sso', 'saml', 'saml2', 'login', 'signin', 'connect'],
]);

/** `deleteUser`, `delete_user`: procedures called by GET. A slug uses hyphens and so is not meant. */
const PROCEDURE = /^(?:delete|remove|destroy|unsubscribe)(?:_[a-z]|[A-Z])/;

/** More segments than any route has: the rest is not looked at. */
const MAX_SEGMENTS = 64;

function pathActs(path: string): boolean {
  let signingIn = false;
  let confirming = false;
  for (const raw of path.split('/', MAX_SEGMENTS)) {
    if (raw === '') continue;
    const segment = decodeLeniently(raw);
    const word = plainWord(segment);
    if (ACTING.has(word) || PROCEDURE.test(segment)) return true;
    if (signingIn && word === 'callback') return true;
    if (confirming && looksLikeToken(segment)) return true;
    signingIn ||= SIGN_IN.has(word);
    confirming ||= CONFIRMING.has(word);
  }
  return false;
}

/** Lower case, without a file extension, hyphens and underscores. */
function plainWord(segment: string): string {
  return segment
    .toLowerCase()
    .replace(/\.[a-z]{1,5}$/, '')
    .replace(/[-_]/g, '');
}

/** Codes of digits, identifiers of hex or base64, JWTs; not a word and not a slug of words. */
function looksLikeToken(text: string): boolean {
  if (/^\d{4,}$/.test(text)) return true;
  if (!/^[\w.~=-]{8,}$/.test(text)) return false;
  if (/^[0-9a-f-]{8,}$/i.test(text)) return true;
  return /\d/.test(text) ? /[a-z]/i.test(text) : text.length >= 20 && /[a-z][A-Z]/.test(text);
}

const TOKEN_NAMES: ReadonlySet<string> = new Set([
  ...['token', 'otp', 'ott', 'ticket', 'onetimecode', 'verificationcode', 'confirmationcode', 'activationcode'],
  ...['invitecode', 'resetkey', 'activationkey', 'oauthverifier', 'samlresponse', 'magic', 'jwt'],
]);
/** Where a reader is in a list: harmless, and worth comparing. */
const PAGE_TOKEN = /^(?:next|prev|previous|page|nextpage|prevpage|previouspage|continuation|sync|skip|cursor)+token$/;
const SIGNATURES: ReadonlySet<string> = new Set([
  'signature',
  'sig',
  'hmac',
  'xamzsignature',
  'xgoogsignature',
  'hash',
]);
const EXPIRIES: ReadonlySet<string> = new Set(['expires', 'expiry', 'exp', 'se', 'xamzexpires', 'xgoogexpires']);
const VERB_NAMES: ReadonlySet<string> = new Set(['action', 'do', 'op', 'cmd', 'mode', 'act', 'task', 'method']);
const MAX_PARAMETERS = 200;

function queryActs(query: string): boolean {
  const found = { code: '', state: false, signature: false, expiry: false };
  for (const part of query.split('&', MAX_PARAMETERS)) {
    const equals = part.indexOf('=');
    const value = equals < 0 ? '' : part.slice(equals + 1);
    if (value === '') continue;
    const name = decodeLeniently(part.slice(0, equals)).toLowerCase().replace(/[-_]/g, '');
    if (TOKEN_NAMES.has(name) || (name.endsWith('token') && !PAGE_TOKEN.test(name))) return true;
    if (VERB_NAMES.has(name) && verbActs(decodeLeniently(value))) return true;
    // Codes are often base64, whose `/` and `+` no segment has.
    if (name === 'code') found.code = decodeLeniently(value).replace(/[/+]/g, '');
    found.state ||= name === 'state' || name === 'sessionstate';
    found.signature ||= SIGNATURES.has(name);
    found.expiry ||= EXPIRIES.has(name);
  }
  if (found.signature && found.expiry) return true;
  return found.code !== '' && (found.state || (found.code.length >= 16 && looksLikeToken(found.code)));
}

function verbActs(value: string): boolean {
  return ACTING.has(plainWord(value)) || PROCEDURE.test(value);
}

/** A broken encoding is read as it stands: it must not hide a word. `+` is not decoded, no word holds a space. */
function decodeLeniently(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
