import { MAX_ALIAS_TEXT } from './pair.ts';

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const HEX = /^(?=.*\d)(?=.*[a-f])[\da-f]{12,}$/i;
/** Crockford's base 32, as ULIDs are written. */
const ULID = /^[0-7][\dA-HJKMNP-TV-Z]{25}$/i;
/** Time and machine in one number, as `1541815603606036480`. */
const SNOWFLAKE = /^\d{15,20}$/;
const TOKEN = /^[\w+/=.~:-]+$/;
/** Names of files change with their content, on each deployment. */
const FILE = /\.(?:js|mjs|css|map|json|html?|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|mp4|pdf)$/i;
/** Paths and addresses: what they hold is looked at part by part. Of what is drawn from base 64 no part is a word. */
const LINK = /^\.{0,2}\/|\/\/|(?:^|\/)[a-z]{3,}(?:-[a-z]+)*\//;
/** 48 random bits take at least eight characters; shorter ones are words as likely. */
export const MIN_TOKEN = 10;
const CLASS_CHANGES = 2;
/** Of 16 drawn characters 1 in 17 texts has no digit, and nearly all of those two capitals in a row. */
const MIN_WORDLESS = 16;

/**
 * Whether a value looks like one that a server made and that names one thing wherever it stands: a uuid, an object id, a
 * token, a signed cookie. `red-shirt-2` and `SKU-12345` do not: they are words and numbers with something in between.
 */
export function looksMade(text: string): boolean {
  if (text.length < MIN_TOKEN || text.length > MAX_ALIAS_TEXT) return false;
  if (UUID.test(text) || HEX.test(text) || ULID.test(text) || SNOWFLAKE.test(text)) return true;
  if (!TOKEN.test(text) || FILE.test(text) || LINK.test(text)) return false;
  // Words that are written as one have capitals and no digit; two capitals beside each other are rare in them.
  if (!/\d/.test(text) && (text.length < MIN_WORDLESS || !/[A-Z]{2}/.test(text))) return false;
  const parts = text.split(/[^\dA-Za-z]+/);
  const isMixed = parts.some((part) => classChanges(part) >= CLASS_CHANGES);
  return isMixed && classChanges(parts.join('')) >= Math.max(CLASS_CHANGES, text.length / 8);
}

/** Whether both are made: of drawn texts one in some hundred looks like words, and then its twin tells. */
export function areMade(a: string, b: string): boolean {
  const [isMade, isMadeToo] = [looksMade(a), looksMade(b)];
  if (isMade === isMadeToo) return isMade;
  return a.length === b.length && a.length >= MIN_WORDLESS && /^[\w-]+$/.test(a) && /^[\w-]+$/.test(b);
}

/** How often lower case, upper case and digits follow on one another; a capital and what belongs to it are one word. */
function classChanges(text: string): number {
  let changes = 0;
  let before = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const now = code <= 57 ? 1 : code <= 90 ? 2 : 3;
    if (at > 0 && now !== before && !(before === 2 && now === 3 && at === 1)) changes++;
    before = now;
  }
  return changes;
}

const SHORT_ID = /^(?:\d{1,19}|(?=.*\d)[\w-]{1,64})$/;

/** Whether a value may be an id where its name says that it is one: `17`, `B-204`. */
export function isShortId(text: string): boolean {
  return SHORT_ID.test(text);
}

/** `id`, `orderId`, `order_id`, `order-id`; not `paid`. */
export function isIdName(name: string): boolean {
  return /^_?id$/i.test(name) || /[\da-z]I[dD]$/.test(name) || /[_-]id$/i.test(name);
}

/** Names of places in a list: `cursor`, `nextCursor`, `after`, `page_token`. */
export function isCursorName(name: string): boolean {
  return /cursor|continuation|^(?:next|prev|previous|after|before)$|page_?token$/i.test(name);
}

/** Numbers under these names count or order and name nothing. */
const COUNTING = /^(?:page|p|offset|limit|size|step|year|month|day|week|v\d*|version|level|count|per|start|end)$/;

/** What an id of this name belongs to: `orderId`, `order_id`, `orders` are all `order`; empty where the name says nothing. */
export function nounOf(name: string): string {
  const bare = name
    .replace(/(?:^|[_-])_?ids?$/i, '')
    .replace(/I[dD]s?$/, '')
    .toLowerCase();
  const word = bare.replace(/[^a-z\d]/g, '');
  if (word === '' || !/[a-z]/.test(word) || word.length > 64 || COUNTING.test(word)) return '';
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
}
