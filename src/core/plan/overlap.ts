import type { EndpointId } from '../cell.ts';
import { isSafeMethod } from '../safe-request.ts';

interface Shape {
  readonly method: string;
  readonly segments: readonly string[];
  /** Takes all that follows. */
  readonly hasRest: boolean;
}

/** Whether some request could be called either. Where it cannot be told, such as for `GET (other)`, the answer is no: those never move. */
export function endpointsOverlap(a: EndpointId, b: EndpointId): boolean {
  const [left, right] = [shapeOf(a), shapeOf(b)];
  return (
    left !== undefined && right !== undefined && methodsOverlap(left.method, right.method) && pathsOverlap(left, right)
  );
}

/**
 * Whether a template that is listed now takes requests that were called `from`, under another name. Of two listed ones the one that
 * is fixed where the other is not takes them (`TemplateTrie`). From what was found live it takes all that fits its path, with
 * any method, because a template tells the shape of a path (`EndpointCatalog`).
 */
export function takesFrom(added: EndpointId, from: EndpointId, isFromListed: boolean): boolean {
  const [taker, giver] = [shapeOf(added), shapeOf(from)];
  if (taker === undefined || giver === undefined || added === from || !pathsOverlap(taker, giver)) return false;
  const isMethod = methodsOverlap(taker.method, giver.method);
  if (!isFromListed) return isMethod || templateOf(added) !== templateOf(from);
  if (!isMethod) return false;
  for (let at = 0; at < Math.max(taker.segments.length, giver.segments.length); at += 1) {
    const difference = rankAt(taker, at) - rankAt(giver, at);
    if (difference !== 0) return difference > 0;
  }
  if (taker.hasRest !== giver.hasRest) return giver.hasRest;
  // The same paths: the method itself beats `GET` for HEAD and `*`. Of the same requests under two names either may count.
  return taker.method === giver.method || giver.method === '*' || (taker.method === 'HEAD' && giver.method === 'GET');
}

/** `/orders/{id}` of `GET /orders/{id}`. */
export function templateOf(id: EndpointId): string {
  return id.slice(id.indexOf(' ') + 1);
}

function shapeOf(id: EndpointId): Shape | undefined {
  const space = id.indexOf(' ');
  const path = id.slice(space + 1);
  if (space < 0 || !path.startsWith('/')) return undefined;
  const segments = path.replace(/\/$/, '').split('/').slice(1).map(decoded);
  const hasRest = /^\{[^{}]*\*\}$/.test(segments.at(-1) ?? '');
  return { method: id.slice(0, space), segments: hasRest ? segments.slice(0, -1) : segments, hasRest };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function methodsOverlap(a: string, b: string): boolean {
  if (a === b || (a === '*' && isSafeMethod(b)) || (b === '*' && isSafeMethod(a))) return true;
  // A HEAD belongs to GET where nothing else is listed for it.
  return (a === 'GET' && b === 'HEAD') || (a === 'HEAD' && b === 'GET');
}

function pathsOverlap(a: Shape, b: Shape): boolean {
  const [short, long] = a.segments.length <= b.segments.length ? [a, b] : [b, a];
  if (short.segments.length < long.segments.length && !short.hasRest) return false;
  return short.segments.every((segment, at) => {
    const other = long.segments[at] ?? '';
    return isValue(segment) || isValue(other) || segment === other;
  });
}

/** `{id}`, and names of found files such as `{id}.json`. */
function isValue(segment: string): boolean {
  return segment.includes('{');
}

/** Fixed, a value, or whatever follows. */
function rankAt({ segments }: Shape, at: number): 0 | 1 | 2 {
  const segment = segments[at];
  if (segment === undefined) return 0;
  return isValue(segment) ? 1 : 2;
}
