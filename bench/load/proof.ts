import { createHash } from 'node:crypto';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body?: Buffer;
  /** The body goes without a length. */
  readonly chunked?: true;
}

const MIB = 1_048_576;

/** What every contender is asked before it is measured. */
const MATRIX: readonly Asked[] = [
  ...[0, 1, 1_024, 16_384, 20_480, 65_537, MIB].flatMap((size): Asked[] => [
    { method: 'GET', path: `/length/${size}` },
    { method: 'HEAD', path: `/length/${size}` },
    { method: 'GET', path: `/chunked/${size}` },
    { method: 'GET', path: `/until-close/${size}` },
    { method: 'POST', path: `/length/${size}`, body: Buffer.alloc(size, 'p') },
    { method: 'PUT', path: `/chunked/${size}?again=%20/x`, body: Buffer.alloc(size, 'q'), chunked: true },
  ]),
  ...[200, 201, 204, 301, 304, 400, 404, 410, 422].map(
    (status): Asked => ({ method: 'GET', path: `/status/${status}` }),
  ),
  { method: 'DELETE', path: '/status/200' },
  { method: 'PATCH', path: '/length/10', body: Buffer.from('patched') },
  { method: 'OPTIONS', path: '/status/200' },
  { method: 'GET', path: '/fields/2000' },
  { method: 'GET', path: '/length/3?q=%2F%20&a=b//c/../d' },
];
/** Fields that must pass as they are; a proxy may add others. */
const FIELDS = ['x-origin', 'x-saw', 'x-body', 'x-empty', 'x-long', 'set-cookie', 'content-length'];
const AT_ONCE = 8;

/** What came back, as one line that is equal where the answers are. */
function ask(port: number, agent: Agent, { method, path, body, chunked }: Asked): Promise<string> {
  return new Promise((resolve, reject) => {
    const length = body === undefined || chunked === true ? {} : { 'content-length': body.length };
    const headers = { host: 'proof.localhost', 'x-asked': 'a  b', ...length };
    const request = httpRequest({ host: '127.0.0.1', port, method, path, agent, headers });
    request.on('error', reject);
    request.on('response', (response: IncomingMessage) => {
      const hash = createHash('sha1');
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        hash.update(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        const isEmpty = response.statusCode === 204 || response.statusCode === 304;
        const fields = FIELDS.map((name) => {
          // nginx leaves the length out where there is no body; where it is told, it must be right.
          if (name === 'content-length' && (isEmpty || response.headers[name] === undefined)) return '';
          return `${name}: ${JSON.stringify(response.headers[name])}`;
        });
        resolve(`${response.statusCode} ${fields.join('; ')} ${size} ${hash.digest('hex')}`);
      });
    });
    if (chunked === true) request.flushHeaders();
    request.end(body);
  });
}

async function askAll(port: number): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  try {
    return await Promise.all(MATRIX.map((asked) => ask(port, agent, asked)));
  } finally {
    agent.destroy();
  }
}

/** Asks a contender and its origin the same, twice; throws where an answer differs. Gives how many were compared. */
export async function prove(name: string, port: number, origin: number): Promise<number> {
  const expected = await askAll(origin);
  for (let turn = 0; turn < 2; turn += 1) {
    const got = await askAll(port);
    for (const [at, line] of expected.entries()) {
      if (withoutLength(got[at] ?? '', line) === withoutLength(line, got[at] ?? '')) continue;
      const { method, path } = MATRIX[at] ?? { method: '', path: '' };
      throw new Error(
        `${name} answers ${method} ${path} otherwise than its origin:\n  ${got[at]?.slice(0, 400)}\n  ${line.slice(0, 400)}`,
      );
    }
  }
  return expected.length * 2;
}

/** Where the other side tells no length (a chunked body), there is none to compare. */
function withoutLength(line: string, other: string): string {
  return other.includes('content-length: ') ? line : line.replace(/content-length: "\d+"/, '');
}
