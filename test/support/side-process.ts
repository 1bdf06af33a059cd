/**
 * A side in a process of its own, with sessions that mean nothing to the other: `fork(side-process.ts, [control | candidate])`.
 * Prices of every fifth product are wrong at the candidate. Says its address first, and `SideReport` whenever it is asked anything.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import http from 'node:http';

export interface SideReport {
  readonly requests: number;
  /** Requests with a session's cookie that this side never gave. */
  readonly foreign: number;
}

const [side = 'control'] = process.argv.slice(2);
const baskets = new Map<string, string>();
let [requests, foreign] = [0, 0];

const server = http.createServer((request, response) => {
  requests += 1;
  const [, first = '', second = ''] = (request.url ?? '').split('/');
  const sid = /sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];
  const basket = sid === undefined ? undefined : baskets.get(sid);
  if (sid !== undefined && basket === undefined) foreign += 1;
  const send = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-side': side, ...headers });
    response.end(JSON.stringify(body));
  };
  if (first === 'products') {
    const id = Number(second);
    send(200, { id, price: side === 'candidate' && id % 5 === 0 ? id * 10 + 1 : id * 10 });
  } else if (first === 'begin') {
    const [session, own] = [randomBytes(24).toString('base64url'), randomUUID()];
    baskets.set(session, own);
    send(200, { begun: true }, { 'set-cookie': `sid=${session}; Path=/; HttpOnly` });
  } else if (first === 'me' && basket !== undefined) {
    send(200, { basketId: basket });
  } else if (first === 'baskets' && basket === second) send(200, { basketId: basket, items: 3 });
  else send(404, { error: 'no such thing' });
});
process.on('message', () => process.send?.({ requests, foreign } satisfies SideReport));
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.(typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : '');
});
