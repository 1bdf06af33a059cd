/** Names of whole values, letters and digits only, lower case. */
const EXACT = new Set([
  'auth',
  'bearer',
  'card',
  'cardno',
  'ccnumber',
  'credentials',
  'creditcard',
  'csrf',
  'cvc',
  'cvv',
  'debitcard',
  'iban',
  'jsessionid',
  'jwt',
  'mfacode',
  'onetimecode',
  'otp',
  'passcode',
  'passwd',
  'password',
  'paymentcard',
  'phpsessid',
  'pin',
  'pwd',
  'secret',
  'securitycode',
  'session',
  'sessionkey',
  'sid',
  'sig',
  'signature',
  'ssn',
  'token',
  'totp',
  'verificationcode',
  'xsrf',
]);

/** What a secret's name ends with, letters and digits only. Long enough that no common word ends the same way. */
const SUFFIXES = [
  'accesskey',
  'accountkey',
  'apikey',
  'authorization',
  'authtoken',
  'cardnumber',
  'credential',
  'credentials',
  'encryptionkey',
  'passphrase',
  'passwd',
  'password',
  'privatekey',
  'secret',
  'secretkey',
  'sessionid',
  'sharedkey',
  'signingkey',
  'token',
];

/** Too short for a suffix rule (`spin`, `laptop`): they count only as the last word of a name (`userPin`, `sms_otp`). */
const LAST_WORDS = new Set([
  'csrf',
  'cvc',
  'cvv',
  'iban',
  'jwt',
  'otp',
  'pin',
  'pwd',
  'session',
  'sid',
  'sig',
  'signature',
  'ssn',
  'totp',
  'xsrf',
]);

/** Parameters that are secrets in a query but ordinary words elsewhere. */
const QUERY_ONLY = new Set(['code', 'key', 'ticket', 'auth']);

const HEADERS = new Set([
  'authentication-info',
  'authorization',
  'cf-access-jwt-assertion',
  'cookie',
  'cookie2',
  'proxy-authentication-info',
  'proxy-authorization',
  'set-cookie',
  'set-cookie2',
  'ssl-client-cert',
  'x-api-key',
  'x-forwarded-client-cert',
  'x-goog-iap-jwt-assertion',
]);
const HEADER_PREFIXES = ['x-auth-', 'x-csrf-', 'x-xsrf-', 'x-api-key', 'x-session-', 'x-access-'];

/** Longer names are data used as a key, not the name of a field; detectors look at those. */
const LONGEST_NAME = 128;
/** Results kept per instance, so that an object of random keys cannot fill the memory. */
const REMEMBERED = 5_000;

/**
 * Tells from a name whether the value under it is a secret.
 * Case, `_`, `-`, `.` and brackets make no difference: `access_token`, `accessToken`, `user[Access-Token]` are one name.
 */
export class SecretNames {
  readonly #extra: ReadonlySet<string>;
  readonly #known = new Map<string, boolean>();

  /** @param extra Configured names, in any spelling. */
  constructor(extra: readonly string[]) {
    this.#extra = new Set(extra.map(plainName).filter((name) => name !== ''));
  }

  /** A JSON member, form field, XML element or attribute. */
  isSecret(name: string): boolean {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const secret = name.length <= LONGEST_NAME && (this.#judge(name) || this.#judge(lastPart(name)));
    if (this.#known.size < REMEMBERED && name.length <= LONGEST_NAME) this.#known.set(name, secret);
    return secret;
  }

  /** A query parameter: some names that are harmless in a body carry credentials there. */
  isSecretParameter(name: string, value: string): boolean {
    return this.isSecret(name) || (value.length >= 16 && QUERY_ONLY.has(plainName(name)));
  }

  /** A header, lower case. Values of cookies are always secrets. */
  isSecretHeader(name: string): boolean {
    return HEADERS.has(name) || HEADER_PREFIXES.some((prefix) => name.startsWith(prefix)) || this.isSecret(name);
  }

  #judge(name: string): boolean {
    const plain = plainName(name);
    if (plain === '') return false;
    const bare = plain.replace(/\d{1,3}$/, '');
    if (this.#extra.has(plain) || EXACT.has(plain) || EXACT.has(bare)) return true;
    if (bare.startsWith('password') || bare.startsWith('passwd')) return true;
    const singular = bare.endsWith('s') ? bare.slice(0, -1) : bare;
    if (SUFFIXES.some((suffix) => bare.endsWith(suffix) || singular.endsWith(suffix))) return true;
    return LAST_WORDS.has(lastWord(name));
  }
}

/** Letters and digits only, lower case: the class under which a secret is hashed. `Access-Token` → `accesstoken`. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** `user[password]` → `password`, `auth.token` → `token`. */
function lastPart(name: string): string {
  const parts = name.split(/[[\].:]/).filter((part) => part !== '');
  return parts.at(-1) ?? '';
}

/** `smsOtp`, `sms_otp`, `SMS-OTP` → `otp`. */
function lastWord(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
  return words.at(-1) ?? '';
}
