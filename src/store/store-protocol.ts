import type { ErrorCode } from '../core/errors.ts';
import type { DatabaseOptions } from './open-database.ts';
import type { StoreCalls } from './sqlite-tables.ts';

/** What the writer thread starts with. */
export type WriterData = DatabaseOptions;

/** One call of a store method, or the wish to end. */
export interface CallMessage {
  readonly id: number;
  readonly method: keyof StoreCalls | 'close';
  readonly args: readonly unknown[];
}

/** An error in a form that crosses threads. */
export interface SentError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
}

/** `id` 0: the database is open, or could not be opened. */
export type ReplyMessage =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: SentError };

export const OPENING = 0;
