import http from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { type Handler, type Origin, type Rig, startOrigin, startRig, until } from '../../test/support/proxy-rig.ts';
import type { Answer } from '../core/observation.ts';
import { StreamWindow } from './stream-window.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function origin(handler: Handler): Promise<Origin & { readonly gone: () => number }> {
  let gone = 0;
  const started = await startOrigin((request, response) => {
    response.on('close', () => {
      gone += 1;
    });
    handler(request, response);
  });
  cleanups.push(() => started.close());
  return { ...started, gone: () => gone };
}

/** Sends its events at once, and stays open. */
const stream =
  (events: readonly string[], ends = false): Handler =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(events.map((event) => `data: ${event}\n\n`).join(''));
    if (ends) response.end();
  };
const many = (name: string) => Array.from({ length: 30 }, (_, n) => `{"${name}":${n}}`);

async function rigOf(control: Origin, candidate: Origin, mirror: object = {}): Promise<Rig> {
  const settings = { mirror: { timeoutMs: 20_000, ...mirror } };
  const rig = await startRig({
    policy: { mirrorPpm: 1_000_000 },
    control: control.url,
    candidate: candidate.url,
    settings,
  });
  cleanups.push(() => rig.close());
  return rig;
}

/** A client that stays; what it has got so far, and how to leave. */
async function listen(port: number): Promise<{ readonly got: () => string; readonly leave: () => void }> {
  let got = '';
  const request = http.get({ port, host: '127.0.0.1', headers: { host: 'acme' } });
  request.on('error', () => {});
  const response = await new Promise<http.IncomingMessage>((resolve) => request.on('response', resolve));
  response.on('error', () => {});
  response.setEncoding('utf8').on('data', (text: string) => {
    got += text;
  });
  const leave = () => void request.destroy();
  cleanups.push(leave);
  return { got: () => got, leave };
}

function bodyOf(answer: Answer): string {
  return Buffer.from(answer.body).toString();
}

describe('an event stream that does not end', () => {
  test('I1, I2: its window is mirrored while the client goes on listening, and the copy is ended', async () => {
    let serve: http.ServerResponse | undefined;
    const control = await origin((request, response) => {
      serve = response;
      stream(many('a'))(request, response);
    });
    const candidate = await origin(stream(many('b')));
    const rig = await rigOf(control, candidate);
    const client = await listen(rig.port);
    await until(() => rig.sink.exchanges.length === 1, 'the pair');
    const exchange = rig.sink.exchanges[0];
    const [mine, theirs] = [exchange?.control as Answer, exchange?.candidate as Answer];
    expect([mine.isOpen, theirs.isOpen]).toEqual([true, true]);
    expect(bodyOf(mine)).toContain('data: {"a":19}\n\n');
    expect(bodyOf(theirs)).toContain('data: {"b":19}\n\n');
    await until(() => candidate.gone() === 1, "the copy's connection is closed");
    expect(control.gone()).toBe(0);
    serve?.write('data: later\n\n');
    await until(() => client.got().includes('later'), 'the client gets what follows');
    expect(client.got()).not.toContain('"b"');
    expect(rig.sink.reasons).toEqual([]);
  });

  test('a client that leaves had as much as it got', async () => {
    const control = await origin(stream(['1', '2']));
    const candidate = await origin(stream(['1', '2', '3'], true));
    const rig = await rigOf(control, candidate);
    const client = await listen(rig.port);
    await until(() => client.got().includes('2'), 'two events');
    client.leave();
    await until(() => rig.sink.exchanges.length === 1, 'the pair');
    expect(rig.sink.exchanges[0]?.control).toMatchObject({ isOpen: true });
    expect(rig.sink.exchanges[0]?.candidate).not.toHaveProperty('isOpen');
  });

  test('one that ends is compared whole, and a copy that does not end had its time', async () => {
    const control = await origin(stream(['1', '2'], true));
    const candidate = await origin(stream(['1', '2']));
    const rig = await rigOf(control, candidate, { timeoutMs: 300 });
    const client = await listen(rig.port);
    await until(() => rig.sink.exchanges.length === 1, 'the pair');
    expect(client.got()).toBe('data: 1\n\ndata: 2\n\n');
    expect(rig.sink.exchanges[0]?.control).not.toHaveProperty('isOpen');
    expect(rig.sink.exchanges[0]?.candidate).toMatchObject({ kind: 'failure', failure: 'timeout' });
  });

  test('one that says nothing is unverified', async () => {
    const control = await origin(stream([]));
    const rig = await rigOf(control, control, { timeoutMs: 100 });
    await listen(rig.port);
    await until(() => rig.sink.reasons.length === 1, 'the reason');
    expect(rig.sink.reasons[0]?.reason).toBe('streaming');
    expect(control.requests).toHaveLength(1);
  });
});

describe('a window', () => {
  test.each([
    ['line feeds', 'data: 1\n\ndata: 2\n\ndata: 3', 2],
    ['line ends of two characters', 'data: 1\r\n\r\ndata: 2\r\n\r\n', 2],
    ['carriage returns', 'data: 1\r\rdata: 2\r\r', 2],
    ['comments that keep the line open', ':\n\n:\n\ndata: 1\n\n:\n\n', 1],
    ['several fields', 'event: a\nid: 1\n\n\n\ndata: x\ndata: y\n\n', 2],
  ])('counts events that ended, with %s, however the bytes come', (_, text, events) => {
    for (const size of [1, 3, 1_000]) {
      const window = new StreamWindow({ clock: new ManualClock(), timeoutMs: 1_000 }, () => {});
      for (let at = 0; at < text.length; at += size) window.add(Buffer.from(text.slice(at, at + size)));
      expect(window.events).toBe(events);
      window.end();
    }
  });

  test('closes once: by events, by bytes, by time', () => {
    const clock = new ManualClock();
    const closed: string[] = [];
    const begin = (name: string) => new StreamWindow({ clock, timeoutMs: 1_000 }, () => closed.push(name));
    begin('events').add(Buffer.from('data: x\n\n'.repeat(20)));
    begin('bytes').add(Buffer.alloc(65_536, 'x'));
    begin('time');
    begin('ended').end();
    expect(closed).toEqual(['events', 'bytes']);
    clock.advance(500);
    clock.advance(5_000);
    expect(closed).toEqual(['events', 'bytes', 'time']);
  });
});
