/**
 * Both sides of a migration, one of them hostile: `node origin.ts` prints `listening CONTROL CANDIDATE`.
 * `/prepare/N` makes pair N; N may only grow. `/hostile/N` is then answered with its bodies, at once, compressed, so that long
 * ones fit into what is mirrored. The few pairs before it are kept, because Cutover may ask for them again.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type HostilePair, hostilePairs } from '../../micro/hostile-bodies.ts';

/** About 20 KB, of which one value differs: what is compared before, to see what everyday traffic needs. */
const ROWS = Array.from({ length: 300 }, (_, id) => ({ id, title: `row ${id}`, tags: ['a', 'b'], price: id / 4 }));
const KEPT = 4;
const pairs = hostilePairs();
const made = new Map<number, Coded>();
let last = -1;

interface Coded {
  readonly pair: HostilePair;
  readonly control: Uint8Array;
  readonly candidate: Uint8Array;
}

/** Whether there is such a pair. Making one takes up to seconds, which must not look like a slow control. */
function prepare(index: number): boolean {
  while (last < index) {
    const { value, done } = pairs.next();
    if (done === true) return false;
    last++;
    if (last < index) continue;
    const coded = (body: Uint8Array): Uint8Array => (value.coding === undefined ? gzipSync(body) : body);
    made.set(index, { pair: value, control: coded(value.control), candidate: coded(value.candidate) });
    made.delete(index - KEPT);
  }
  return made.has(index);
}

function side(name: 'control' | 'candidate'): Server {
  return createServer((request, response) => {
    request.resume();
    const [, what, index] = /^\/(prepare|hostile)\/(\d+)$/.exec(request.url ?? '') ?? [];
    if (what === 'prepare') {
      response.writeHead(prepare(Number(index)) ? 204 : 404).end();
      return;
    }
    const found = made.get(Number(index));
    if (found === undefined) {
      const body = JSON.stringify({ side: name, rows: ROWS });
      response.writeHead(index === undefined ? 200 : 404, { 'content-type': 'application/json' }).end(body);
      return;
    }
    response
      .writeHead(200, {
        'content-type': found.pair.type,
        'content-encoding': found.pair.coding ?? 'gzip',
        'x-pair': encodeURIComponent(found.pair.name),
      })
      .end(found[name]);
  }).listen(0, '127.0.0.1');
}

const [control, candidate] = [side('control'), side('candidate')];
const portOf = (server: Server): number => (server.address() as AddressInfo).port; // a TCP server that listens has one
control.on('listening', () => {
  const tell = (): unknown => process.stdout.write(`listening ${portOf(control)} ${portOf(candidate)}\n`);
  if (candidate.listening) tell();
  else candidate.on('listening', tell);
});
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
