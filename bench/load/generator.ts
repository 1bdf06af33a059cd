/**
 * A closed-loop client with as little work per request as Node allows: `node generator.ts PORT CONNECTIONS MILLISECONDS`.
 * One request in flight a connection, raw sockets, answers measured by their Content-Length and checked for their id.
 * Prints one JSON object: requests, errors, elapsedMs, and the latencies' quantiles in milliseconds.
 */
import { connect } from 'node:net';

const [port, connections, milliseconds] = process.argv.slice(2).map(Number);
if (port === undefined || connections === undefined || milliseconds === undefined) {
  process.stderr.write('usage: generator.ts PORT CONNECTIONS MILLISECONDS\n');
  process.exit(2);
}

const MAX_SAMPLES = 2_000_000;
const latencies = new Float64Array(MAX_SAMPLES);
let requests = 0;
let errors = 0;
let open = 0;
const started = performance.now();
const deadline = started + milliseconds;

function client(number: number): void {
  let sent = 0;
  let sentAt = 0;
  let pending = '';
  const socket = connect({ port: port ?? 0, host: '127.0.0.1', noDelay: true });
  open += 1;
  const next = (): void => {
    if (performance.now() >= deadline) {
      socket.destroy();
      return;
    }
    sent += 1;
    sentAt = performance.now();
    socket.write(`GET /bench/${id()} HTTP/1.1\r\nHost: bench.localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n`);
  };
  const id = (): string => `${number}-${sent}`.padStart(8, '0');
  socket.on('connect', next);
  socket.on('data', (chunk: Buffer) => {
    pending += chunk.toString('latin1');
    const head = pending.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(pending);
    const end = head + 4 + Number(length?.[1] ?? '0');
    if (pending.length < end) return;
    const isRight = pending.startsWith('HTTP/1.1 200') && pending.startsWith(`/bench/${id()}`.slice(-15), head + 4);
    if (!isRight || pending.length > end) errors += 1;
    if (requests < MAX_SAMPLES) latencies[requests] = performance.now() - sentAt;
    requests += 1;
    pending = '';
    next();
  });
  socket.on('error', () => {
    errors += 1;
  });
  socket.on('close', () => {
    open -= 1;
    if (open === 0) report();
  });
}

function report(): void {
  const sorted = latencies.subarray(0, Math.min(requests, MAX_SAMPLES)).sort();
  const quantile = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  const result = {
    requests,
    errors,
    elapsedMs: performance.now() - started,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

for (let number = 1; number <= connections; number += 1) client(number);
// A connection that never answers must not hold the run.
setTimeout(() => process.exit(1), milliseconds + 10_000).unref();
