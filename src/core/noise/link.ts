import { FlatLearner, type Learner, MAX_KEPT_TEXT, type Recognised, type ValuePair } from './learner.ts';

const LINK = /^([a-z][a-z\d+.-]{1,20}:\/\/[^/?#\s]+)?(\/[^?#\s"<>]*)?(?:\?([^#\s"<>]*))?(#[^\s"<>]*)?$/i;

/**
 * A link without its last segment's content: `/products/x-y-12` and `/products/z-4` are both `/products/ slug`.
 * Extension and the names of the query belong to the shape. Undefined for anything that is no link with a path.
 */
export function linkShape(text: string): string | undefined {
  if (text.length > 2_000) return undefined;
  const parts = LINK.exec(text);
  if (parts === null) return undefined;
  const [, origin = '', path = '', query, hash] = parts;
  if (!path.startsWith('/')) return undefined;
  const cut = path.lastIndexOf('/') + 1;
  const [, last = '', extension = ''] = /^(.*?)(\.[A-Za-z]{1,5})?$/.exec(path.slice(cut)) ?? [];
  const names =
    query === undefined ? '' : `?${[...new Set(query.split('&').map((pair) => pair.split('=')[0]))].sort().join('&')}`;
  const shape = `${origin}${path.slice(0, cut)} ${segmentShape(last)}${extension}${names}${hash === undefined ? '' : '#'}`;
  return shape.length > MAX_KEPT_TEXT ? undefined : shape;
}

function segmentShape(segment: string): string {
  if (segment === '') return 'empty';
  if (/^(undefined|null|nan|\[object.*|%5Bobject.*)$/i.test(segment)) return 'broken';
  if (/^\d+$/.test(segment)) return 'digits';
  return /^[\da-z]+([-_][\da-z]+)*$/.test(segment) ? 'slug' : 'text';
}

type LinkState = { readonly shape: string };

/** Links that differ in their last segment. */
export class LinkLearner extends FlatLearner<LinkState> implements Learner {
  readonly name = 'link';

  constructor() {
    super({ shape: '' });
  }

  absorb({ control, candidate }: ValuePair): boolean {
    const shape = linkShape(control.text);
    // A query has parts of its own.
    if (shape === undefined || control.text.includes('?') || shape !== linkShape(candidate.text)) return false;
    if (this.state.shape !== '' && this.state.shape !== shape) return false;
    this.state = { shape };
    return true;
  }

  recognise({ candidate }: ValuePair): Recognised | undefined {
    return linkShape(candidate.text) === this.state.shape ? { class: this.name } : undefined;
  }

  envelope(): string {
    return `a link ${this.state.shape}`;
  }
}
