import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Side } from '../../../src/core/cell.ts';
import type { Answer, CapturedRequest, Exchange } from '../../../src/core/observation.ts';
import type { StoredObservation } from '../../../src/core/ports.ts';
import { Redactor } from '../../../src/core/redact.ts';
import { CompareSession } from '../../../src/verifier/compare-session.ts';
import { Comparer } from '../../../src/verifier/comparer.ts';
import { readableText } from '../../../src/verifier/decode.ts';
import { factsOf } from '../../../src/verifier/stored-exchange.ts';
import { type Canary, canary, canaryAnswer, PLACES, spellings } from '../../../test/support/canaries.ts';
import { exchangeOf } from '../../../test/support/trial-verifier.ts';
import { type BenchSection, percent, type SectionOptions } from '../section.ts';

const SECRETS = 200;
const MAX_BYTES = 1_000_000;
const POLICY = { rules: [], headers: ['content-type', 'set-cookie', 'location'], keyOrder: false };
const LIMITS = { maxDecodedBytes: MAX_BYTES, timeoutMs: 60_000 };

/**
 * Secrets in requests and answers, through what runs in the thread that compares: none may be in what leaves it, in any
 * spelling, and what leaves it must compare as the original did. Files, logs, metrics and the API of a running process are
 * searched by `test/e2e/secrets.test.ts`, which plants the same.
 */
export const redaction: BenchSection = {
  name: 'redaction',
  run({ progress }: SectionOptions) {
    const key = randomBytes(32);
    const secretKey = createSecretKey(key);
    const redactor = new Redactor({
      names: [],
      hash: (name, value) => createHmac('sha256', key).update(`${name}\0${value}`).digest('hex'),
    });
    const session = new CompareSession(new Comparer({ policy: POLICY, limits: LIMITS }), {
      redactor,
      bodies: 'redacted',
      textOf: (headers, body) => readableText(headers, body, MAX_BYTES),
    });
    const found: string[] = [];
    let kept = 0;
    let same = 0;
    for (let n = 0; n < SECRETS; n++) {
      const place = n % PLACES.length;
      const secret = canary(n);
      const exchange = planted(PLACES[place]?.(secret) ?? {}, n);
      const facts = { ...factsOf(exchange, secretKey), recorded: true as const };
      const step = { kind: 'compare', task: n, exchange, facts, confirm: false, probe: false, alike: [] } as const;
      const reply = session.handle(step);
      if (reply.kind !== 'verified') throw new Error(`the comparison ended as ${reply.kind}`);
      const text = JSON.stringify(reply);
      for (const spelling of spellings(secret)) if (text.includes(spelling)) found.push(`place ${place}: ${spelling}`);
      const { answers, result } = reply.verified;
      if (answers === undefined) continue;
      kept += 1;
      const stored = { ...exchange, control: readBack(answers.control), candidate: readBack(answers.candidate) };
      if (new Comparer({ policy: POLICY, limits: LIMITS }).compare(stored).verdict === result.verdict) same += 1;
    }
    progress(`${SECRETS} secrets in ${PLACES.length} places`);
    return Promise.resolve({
      title: 'Secrets in what leaves the thread that compares',
      rows: [
        {
          figure: `of ${SECRETS} secrets in ${PLACES.length} places found again, raw or encoded`,
          value: String(found.length),
          target: '0',
          met: found.length === 0,
        },
        {
          figure: `verdict of the redacted pair is that of the original (${kept} pairs)`,
          value: percent(same, kept),
          target: '100 %',
          met: same === kept && kept === SECRETS,
        },
      ],
      details: found,
    });
  },
};

function planted(given: Canary, n: number): Exchange {
  const headers = Object.entries(given.headers ?? {});
  const request: CapturedRequest = {
    method: given.method ?? 'GET',
    target: given.path ?? `/place-${n}`,
    headers: [['host', 'shop.example'], ...headers],
    ...(given.body === undefined ? {} : { body: new TextEncoder().encode(given.body) }),
  };
  const received = { id: `n${n}`, bodyLength: given.body?.length ?? 0 };
  const answer = (side: Side): Answer => {
    // Every third pair is equal, so that secrets of both verdicts are looked for.
    const { headers: own, text } = canaryAnswer(n % 3 === 0 ? 'control' : side, given.headers ?? {}, received);
    const isCoded = given.headers?.['accept-encoding'] === 'gzip';
    const body = isCoded ? gzipSync(text) : new TextEncoder().encode(text);
    return {
      kind: 'answer',
      status: 200,
      headers: [...Object.entries(own), ...(isCoded ? [['content-encoding', 'gzip'] as const] : [])],
      body,
      bodyBytes: body.length,
      firstByteMs: 1,
      durationMs: 1,
    };
  };
  return exchangeOf(answer('control'), answer('candidate'), { request });
}

/** A stored answer as it would be compared: its body is text, whatever coding it came in. */
function readBack({ status, headers, body }: StoredObservation): Answer {
  const bytes = new TextEncoder().encode(body ?? '');
  return {
    kind: 'answer',
    status: status ?? 0,
    headers: (headers ?? []).filter(([name]) => name.toLowerCase() !== 'content-encoding'),
    body: bytes,
    bodyBytes: bytes.length,
    firstByteMs: 1,
    durationMs: 1,
  };
}
