import { z } from 'zod';

/** Wire types of notices: who is told, and how that went. */

export const noticeTarget = z.object({
  name: z.string(),
  /** `webhook` or `slack`. */
  format: z.string(),
  /** Scheme, host and port; the path is not shown, because it is often a secret. */
  address: z.string(),
  /** Kinds of notices it is told of. */
  on: z.array(z.string()),
  isSigned: z.boolean(),
  /** Since the start of the process: taken by the receiver; given up or refused; dropped because too many waited. */
  sent: z.int(),
  failed: z.int(),
  dropped: z.int(),
  /** Notices under way. */
  waiting: z.int(),
  lastSentAt: z.number().nullable(),
  /** What the last try failed with; empty where it did not. */
  trouble: z.string(),
});

/** Without a name: all targets. */
export const noticeTestInput = z.strictObject({ name: z.string().min(1).max(64).exactOptional() });

export const noticeTestResult = z.object({
  name: z.string(),
  ok: z.boolean(),
  /** null: no answer came. */
  status: z.int().nullable(),
  /** The beginning of the answer, or why none came. */
  answer: z.string(),
  durationMs: z.int(),
});

export const noticeTest = z.object({ results: z.array(noticeTestResult) });

export type NoticeTargetView = z.infer<typeof noticeTarget>;
export type NoticeTestResult = z.infer<typeof noticeTestResult>;
export type NoticeTest = z.infer<typeof noticeTest>;
