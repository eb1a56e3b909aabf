/**
 * How long to wait before the next try: exponential backoff with full jitter, so that many clients that lost the same
 * server come back spread out. (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.)
 */

export const BACKOFF_BASE_MS = 250;
export const BACKOFF_CAP_MS = 10_000;

/**
 * @param {number} attempt how many tries have failed in a row before this one
 * @param {() => number} [random] gives [0, 1)
 * @returns {number} milliseconds, in [0, min(cap, base * 2^attempt))
 */
export function backoffMs(attempt, random = Math.random) {
  return Math.floor(random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** attempt));
}
