import type { Exchange, Observation } from '../core/observation.ts';

/**
 * The exchange with bodies that can be moved to a thread.
 * A body that is a view into a larger buffer (Node pools small ones) is copied: moving it would take its neighbours along.
 */
export function withOwnBodies(exchange: Exchange): { moved: Exchange; transfer: readonly ArrayBuffer[] } {
  const transfer = new Set<ArrayBuffer>();
  const movable = (body: Uint8Array): Uint8Array => {
    const isWhole = body.byteLength === body.buffer.byteLength && body.buffer instanceof ArrayBuffer;
    const moved = isWhole && !transfer.has(body.buffer as ArrayBuffer) ? body : new Uint8Array(body);
    transfer.add(moved.buffer as ArrayBuffer); // checked above, or just made
    return moved;
  };
  const own = (observation: Observation): Observation => {
    if (observation.kind === 'failure') return observation;
    const { decoded } = observation;
    const body = movable(observation.body);
    if (typeof decoded !== 'object') return { ...observation, body };
    return { ...observation, body, decoded: { ...decoded, body: movable(decoded.body) } };
  };
  const { copied: _, ...rest } = exchange;
  const control = own(exchange.control);
  const candidate = own(exchange.candidate);
  return { moved: { ...rest, control, candidate }, transfer: [...transfer] };
}
