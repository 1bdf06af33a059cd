import { decodePercent, spelledText } from './encoded-text.ts';
import type { Marks } from './marks.ts';

/**
 * Detectors of secrets by their own shape, wherever they stand in a text.
 * Every pattern either ends with its greedy part or has a bounded length, so that no text makes one slow.
 */
type Detector = (text: string, marks: Marks, where: string) => string;

/** Keys whose prefix tells the issuer: AWS, GitHub, GitLab, Slack, Stripe, OpenAI and alike, Google, npm, Shopify. */
const ISSUED_KEYS =
  /(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|sk-[\w-]{20,}|AIza[\w-]{30,}|npm_[A-Za-z0-9]{30,}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{20,})/g;
/** `{"` in base64 is `eyJ`; a dot after it makes a JSON web token (RFC 7519), signed or encrypted. */
const WEB_TOKEN = /eyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g;
const SCHEMES = /(?<![A-Za-z])(bearer|basic)((?:\s|%20|\+){1,3})([A-Za-z0-9._~+/=-]{8,})/gi;
const KEY_WORDS =
  /(?<![A-Za-z])((?:token|secret|api[ _-]?key|key|password|passwd|credential|passphrase)(?:\s{1,3}(?:is|was))?["']?\s{1,3}["']?)([A-Za-z0-9+/_=.~-]{16,})/gi;
/** 13 to 19 digits, single spaces or hyphens between them. */
const CARD = /(?<![\d.]|\d[ -])[2-6](?:[ -]?\d){12,18}(?![\d])/g;
/** E.164 with its plus sign: 8 to 15 digits. */
const PHONE = /(?<![\w+])(?:\+|%2B)[1-9](?:[ ().-]{0,2}\d){7,14}(?!\d)/gi;
/** Shortest run that may spell a secret. */
const LEAST_RUN = 16;

const pem: Detector = (text, marks, where) => {
  if (!text.includes('-----BEGIN')) return text;
  let out = '';
  let copied = 0;
  for (const begin of text.matchAll(/-----BEGIN(?:[ +]|%20)[A-Z0-9 +%]{0,40}PRIVATE(?:[ +]|%20)KEY/g)) {
    if (begin.index < copied) continue;
    const ending = text.indexOf('-----END', begin.index);
    const lineEnd = ending === -1 ? -1 : text.indexOf('-----', ending + 8);
    // A key that was cut has no end: everything after its beginning may be key.
    const end = lineEnd === -1 ? text.length : lineEnd + 5;
    out +=
      text.slice(copied, begin.index) + marks.mark('private key', text.slice(begin.index, end), `${where}:private-key`);
    copied = end;
  }
  return out + text.slice(copied);
};

function hasAt(text: string): boolean {
  return text.includes('@') || text.includes('%40');
}

/** `https://user:secret@host`: the whole user information goes (RFC 3986, section 3.2.1). */
const userinfo: Detector = (text, marks, where) => {
  if (!hasAt(text)) return text;
  return text.replace(
    /(:\/\/|%3A%2F%2F)([^\s/?#@"'<>⟦]{1,256})(@|%40)/gi,
    (_, before: string, user: string, at: string) => {
      return before + marks.mark('userinfo', decodePercent(user), `${where}:userinfo`) + at;
    },
  );
};

const schemes: Detector = (text, marks, where) => {
  if (!/bearer|basic/i.test(text)) return text;
  return text.replace(SCHEMES, (all, scheme: string, space: string, value: string) => {
    const isSecret = /basic/i.test(scheme) ? spelledText(value)?.includes(':') : looksRandom(value);
    return isSecret ? scheme + space + marks.mark('authorization', value, `${where}:authorization`) : all;
  });
};

const webTokens: Detector = (text, marks, where) => {
  if (!text.includes('eyJ')) return text;
  return text.replace(WEB_TOKEN, (token) => (token.includes('.') ? marks.mark('jwt', token, `${where}:jwt`) : token));
};

/** Cheaper than the whole pattern: a piece of every issued key. */
const ISSUED_HINT =
  /AKIA|ASIA|gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|k_(?:live|test)_|sk-|AIza|npm_|shp(?:at|ca|pa|ss)_/;

const issuedKeys: Detector = (text, marks, where) => {
  if (!ISSUED_HINT.test(text)) return text;
  return text.replace(ISSUED_KEYS, (key) => marks.mark('key', key, `${where}:key`));
};

const keyWords: Detector = (text, marks, where) =>
  text.replace(KEY_WORDS, (all, word: string, value: string) =>
    looksRandom(value) ? word + marks.mark('key', value, `${where}:key`) : all,
  );

const cards: Detector = (text, marks, where) =>
  text.replace(CARD, (number) => {
    const digits = number.replace(/\D/g, '');
    return passesLuhn(digits) ? marks.mark('card', digits, `${where}:card`) : number;
  });

const phones: Detector = (text, marks, where) => {
  if (!text.includes('+') && !/%2B/i.test(text)) return text;
  return text.replace(PHONE, (number) =>
    marks.mark('phone', number.replace(/%2B/i, '').replace(/\D/g, ''), `${where}:phone`),
  );
};

const LOCAL_CHAR = /[A-Za-z0-9._%+'-]|[\u00c0-\u024f]/;
const DOMAIN = /[A-Za-z0-9\u00c0-\u024f-]{1,63}(?:\.[A-Za-z0-9\u00c0-\u024f-]{1,63}){1,8}/y;
const FILE = /\.(?:png|jpe?g|gif|svg|webp|avif|ico|css|m?js|map|woff2?|ttf|mp[34]|pdf)$/i;

/** From each `@` outwards, at most 64 characters to the left and a domain to the right (RFC 5321, section 4.5.3.1). */
const emails: Detector = (text, marks, where) => {
  if (!hasAt(text)) return text;
  let out = '';
  let copied = 0;
  for (const at of text.matchAll(/@|%40/g)) {
    let start = at.index;
    const stop = Math.max(copied, at.index - 64);
    while (start > stop && LOCAL_CHAR.test(text.charAt(start - 1))) start -= 1;
    DOMAIN.lastIndex = at.index + at[0].length;
    const domain = start < at.index ? DOMAIN.exec(text)?.[0].replace(/[.-]+$/, '') : undefined;
    if (domain === undefined || !/\.[A-Za-z\u00c0-\u024f]{2,}$/.test(domain) || FILE.test(domain)) continue;
    const end = at.index + at[0].length + domain.length;
    const address = decodePercent(text.slice(start, end)).toLowerCase();
    out += text.slice(copied, start) + marks.mark('email', address, `${where}:email`);
    copied = end;
  }
  return out + text.slice(copied);
};

/** In this order: what covers most goes first, so that a token inside a key is not found on its own. */
export const DETECTORS: readonly Detector[] = [
  pem,
  userinfo,
  schemes,
  webTokens,
  issuedKeys,
  keyWords,
  emails,
  cards,
  phones,
];

/**
 * Runs of hex and base64 that spell text with a secret in it, replaced whole.
 *
 * @param hasSecret Whether a decoded text holds a secret.
 */
export function redactSpelled(
  text: string,
  marks: Marks,
  options: { where: string; hasSecret: (inner: string) => boolean },
): string {
  const judge = (run: string): boolean => {
    const inner = run.length < LEAST_RUN ? undefined : spelledText(run);
    return inner !== undefined && options.hasSecret(inner);
  };
  const marked = (run: string): string => marks.mark('encoded', run, `${options.where}:encoded`);
  const judged = (run: string): string => {
    if (judge(run)) return marked(run);
    // A path is a run as well: its segments are what may be encoded.
    if (!run.includes('/')) return run;
    return run
      .split('/')
      .map((part) => (judge(part) ? marked(part) : part))
      .join('/');
  };
  return replaceRuns(text, judged);
}

/** For each character of ASCII whether hex and base64 are made of it. */
const IN_RUN = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-') {
  IN_RUN[character.charCodeAt(0)] = 1;
}

/** The text with each run of at least 16 such characters replaced. */
function replaceRuns(text: string, replaced: (run: string) => string): string {
  let out = '';
  let copied = 0;
  let from = 0;
  while (from + LEAST_RUN <= text.length) {
    // Backwards from where a run of 16 would end: most text is passed by without looking at every character.
    let gap = from + LEAST_RUN - 1;
    while (gap >= from && isInRun(text, gap)) gap -= 1;
    if (gap >= from) {
      from = gap + 1;
      continue;
    }
    let end = from + LEAST_RUN;
    while (end < text.length && isInRun(text, end)) end += 1;
    const run = text.slice(from, end);
    const mark = replaced(run);
    if (mark !== run) {
      out += text.slice(copied, from) + mark;
      copied = end;
    }
    from = end + 1;
  }
  return copied === 0 ? text : out + text.slice(copied);
}

function isInRun(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code < 128 && IN_RUN[code] === 1;
}

/** Long, and of digits and letters both: no word of a language. */
export function looksRandom(value: string): boolean {
  const head = value.slice(0, 256);
  return head.length >= 8 && /\d/.test(head) && /[A-Za-z]/.test(head);
}

/** The check digit of card numbers (ISO/IEC 7812-1, annex B). */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits.charAt(digits.length - 1 - i));
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
