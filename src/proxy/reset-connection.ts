import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Ends a connection so that the client notices: by a reset, or over TLS by leaving out its end (RFC 8446 section 6.1). */
export function resetConnection(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
