/** Mismatches kept per cluster besides its example, newest first: enough to see what varies, little enough to keep the file small. */
export const KEPT_PER_CLUSTER = 20;
/** Recordings kept per endpoint: enough shapes of requests to examine it, little enough for thousands of endpoints. */
export const RECORDINGS_PER_ENDPOINT = 20;
/** Recordings kept in all, the newest; at some 30 KB each about 150 MB. */
export const MOST_RECORDINGS = 5_000;
/** Longest page a list gives; a larger limit is cut to it. */
export const LONGEST_PAGE = 1_000;
/** Files below this size are checked page by page when they are opened; 64 MiB take about a quarter of a second. */
export const CHECKED_BELOW_BYTES = 64 * 1024 * 1024;
/** Calls that may wait for the writer thread; far more than the parts make together, so that only a stuck disk gets here. */
export const MOST_WAITING_CALLS = 10_000;
/** Mismatches, and clusters, deleted in one transaction: a commit that arrives meanwhile waits for one of these at most. */
export const PRUNED_AT_ONCE = 200;
/** Idempotency keys deleted in one transaction; they are small. */
export const KEYS_PRUNED_AT_ONCE = 5_000;
