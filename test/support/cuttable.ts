import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a TCP port of the loopback that can be cut, as a network can. */
export interface Cuttable {
  readonly port: number;
  /** Nothing passes any more, in either direction, and nobody is told: what a network does that loses every packet. */
  stall(): void;
  /** Connections are reset, and new ones are refused until `mend`. */
  cut(): void;
  /** New connections pass again; stalled ones stay so. */
  mend(): void;
  /** The next answer that holds `word` does not come back: the connection is reset in its place. */
  dropAnswer(word: string): void;
  close(): Promise<void>;
}

export async function cuttable(to: number): Promise<Cuttable> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let [isStalled, isCut] = [false, false];
  let word: string | undefined;
  const server: Server = createServer((near) => {
    if (isCut) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(to, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    // Stalled when it was opened, or later: it never passes anything again.
    let isDead = isStalled;
    const stop = (): void => {
      pairs.delete(pair);
      if (!near.destroyed) near.resetAndDestroy();
      far.destroy();
    };
    near.on('data', (piece) => {
      isDead ||= isStalled;
      if (isDead) return;
      far.write(piece);
    });
    far.on('data', (piece) => {
      isDead ||= isStalled;
      if (word !== undefined && piece.includes(word)) {
        word = undefined;
        stop();
      } else if (!isDead) near.write(piece);
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        // Of a stalled pair the other end hears nothing.
        if (!isDead && !isStalled) stop();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const reset = (): void => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
    pairs.clear();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    stall: () => {
      isStalled = true;
    },
    cut: () => {
      isCut = true;
      reset();
    },
    mend: () => {
      [isStalled, isCut] = [false, false];
    },
    dropAnswer: (given) => {
      word = given;
    },
    close: () => {
      reset();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
