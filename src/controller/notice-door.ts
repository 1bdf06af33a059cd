import type { NoticeTargetView, NoticeTestResult } from '../api/notice-types.ts';

/** What the control API shows of the notices, and the test it can ask for. */
export interface NoticeDoor {
  /** In the order of the configuration. */
  targets(): readonly NoticeTargetView[];
  /** Sends a test to the target of this name, or to all: one try each, beside the queue. Empty: there is no such target. Never rejects. */
  test(name: string | undefined, actor: string): Promise<readonly NoticeTestResult[]>;
}
