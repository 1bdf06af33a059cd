/**
 * Both sides of a migration, one of them hostile: `node origin.ts` prints `listening CONTROL CANDIDATE`.
 * `/hostile/N` is answered with the bodies of pair N, compressed, so that long ones fit into what is mirrored; N may only grow.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type HostilePair, hostilePairs } from '../../micro/hostile-bodies.ts';

/** About 20 KB, of which one value differs: what is compared before, to see what everyday traffic needs. */
const ROWS = Array.from({ length: 300 }, (_, id) => ({ id, title: `row ${id}`, tags: ['a', 'b'], price: id / 4 }));
const pairs = hostilePairs();
let at = -1;
let present: { readonly pair: HostilePair; readonly control: Uint8Array; readonly candidate: Uint8Array } | undefined;

function pairAt(index: number): typeof present {
  while (at < index) {
    const { value, done } = pairs.next();
    at++;
    if (done === true) present = undefined;
    else if (at === index) {
      const coded = (body: Uint8Array): Uint8Array => (value.coding === undefined ? gzipSync(body) : body);
      present = { pair: value, control: coded(value.control), candidate: coded(value.candidate) };
    }
  }
  return present;
}

function side(name: 'control' | 'candidate'): Server {
  return createServer((request, response) => {
    request.resume();
    const index = /^\/hostile\/(\d+)$/.exec(request.url ?? '')?.[1];
    const found = index === undefined ? undefined : pairAt(Number(index));
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
