/** Text of base64url (RFC 4648, section 5) whose bytes are UTF-8; undefined where they are not. Characters of other alphabets must be out before. */
export function decodeBase64Url(coded: string): string | undefined {
  const text = Buffer.from(coded, 'base64url').toString('utf8');
  // What stands for bytes that are no UTF-8; a text that holds it of its own names nobody either.
  return text.includes('\ufffd') ? undefined : text;
}
