import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { ErrorCode } from '../core/errors.ts';

/** An answer of Cutover's own: what a client gets when no upstream answer can be given. */
export interface Problem {
  readonly status: number;
  readonly code: ErrorCode;
  /** One sentence about the request or the situation; never addresses, stacks or names of the inside. */
  readonly detail: string;
  /** Further headers as name, value, name, value. */
  readonly headers?: readonly string[];
}

/** The body of a problem answer: `application/problem+json` after RFC 9457, plus Cutover's stable code. */
export function problemBody(problem: Problem): string {
  return JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    code: problem.code,
    detail: problem.detail,
  });
}

/** Sends a problem as the whole answer. `close` ends the connection after it: the request's framing is not believed. */
export function sendProblem(response: ServerResponse, problem: Problem, close: boolean): void {
  const body = problemBody(problem);
  const headers = [
    'Content-Type',
    'application/problem+json',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
    ...(problem.headers ?? []),
  ];
  if (close) headers.push('Connection', 'close');
  response.writeHead(problem.status, STATUS_CODES[problem.status] ?? 'Error', headers);
  response.end(body);
}

/** A problem as bytes, for connections that have no response object; always closes. */
export function rawProblem(problem: Problem): string {
  const body = problemBody(problem);
  const extra = problem.headers ?? [];
  let head = `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}\r\n`;
  for (let at = 0; at + 1 < extra.length; at += 2) head += `${extra[at]}: ${extra[at + 1]}\r\n`;
  head += `Content-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${head}Cache-Control: no-store\r\nConnection: close\r\n\r\n${body}`;
}
