import type { Marks } from './marks.ts';

const ATTRIBUTE = /[\s/]*([^\s=>"'/<]+)(?:\s{0,8}=\s{0,8}(?:"([^"]*)"?|'([^']*)'?|([^\s>"']*)))?/y;
/** More than any element in practice; what follows is still seen by the other detectors. */
const MOST_ATTRIBUTES = 64;

interface Attribute {
  readonly name: string;
  readonly value: string;
  /** Where the value lies, without quotes. */
  readonly start: number;
  readonly end: number;
}

/**
 * HTML and XML with the values of secret elements replaced: inputs of type password, fields and `meta` with a secret
 * name (`authenticity_token`, `csrf-token`), and the text of elements with one (`<apiKey>…</apiKey>`).
 */
export function redactMarkup(text: string, marks: Marks, where: string): string {
  return redactElements(redactFields(text, marks, where), marks, where);
}

function redactFields(text: string, marks: Marks, where: string): string {
  let out = '';
  let copied = 0;
  for (const tag of text.matchAll(/<(?:input|meta|button|param|textarea|option)(?=[\s/])/gi)) {
    if (tag.index < copied) continue;
    const attributes = attributesAt(text, tag.index + tag[0].length);
    const name = secretNameOf(attributes, marks);
    if (name === undefined) continue;
    for (const { name: attribute, value, start, end } of attributes) {
      if (attribute !== 'value' && attribute !== 'content') continue;
      out += text.slice(copied, start) + marks.mark(name, value, `${where}:${name}`);
      copied = end;
    }
  }
  return out + text.slice(copied);
}

function attributesAt(text: string, from: number): Attribute[] {
  const attributes: Attribute[] = [];
  ATTRIBUTE.lastIndex = from;
  for (
    let found = ATTRIBUTE.exec(text);
    found !== null && attributes.length < MOST_ATTRIBUTES;
    found = ATTRIBUTE.exec(text)
  ) {
    const [all, name = '', double, single, bare] = found;
    const value = double ?? single ?? bare ?? '';
    const closed = (double !== undefined && all.endsWith('"')) || (single !== undefined && all.endsWith("'"));
    const end = ATTRIBUTE.lastIndex - (closed ? 1 : 0);
    attributes.push({ name: name.toLowerCase(), value, start: end - value.length, end });
  }
  return attributes;
}

function secretNameOf(attributes: readonly Attribute[], marks: Marks): string | undefined {
  const attributeOf = (name: string) => attributes.find((attribute) => attribute.name === name)?.value;
  const named = [attributeOf('name'), attributeOf('id'), attributeOf('property')].find(
    (name) => name !== undefined && marks.names.isSecret(name),
  );
  if (named !== undefined) return named;
  return attributeOf('type')?.toLowerCase() === 'password' ? 'password' : undefined;
}

function redactElements(text: string, marks: Marks, where: string): string {
  return text.replace(
    /(<([A-Za-z_][\w.:-]{0,63})(?:\s[^<>]{0,2048})?>(?:<!\[CDATA\[)?)([^<]+)/g,
    (all, open: string, name: string, value: string) => {
      const local = name.slice(name.indexOf(':') + 1);
      const plain = value.endsWith(']]>') ? value.slice(0, -3) : value;
      if (plain.trim() === '' || !marks.names.isSecret(local)) return all;
      return open + marks.mark(local, plain, `${where}:${local}`) + value.slice(plain.length);
    },
  );
}
