/** The sets service over HTTP: what is asked for once, and not watched. */
import { RequestError } from '../tercet.js';

/** A little longer than the server waits for a worker, so that its word is heard. */
const TIMEOUT_MS = 35_000;

/** Sets in one page of the list. */
export const PAGE_SETS = 100;

/** The longest name of a set, in bytes of UTF-8: the server's bound. */
export const NAME_BYTES_MAX = 128;

/**
 * The newest sets, or those before a place in the list.
 * @param {string} [after] the `next` of the page before
 * @returns {Promise<{sets: {id: string, name: string, created_ms: number}[], next?: string}>}
 * @throws {RequestError}
 */
export function listSets(after) {
  const query = new URLSearchParams({ limit: String(PAGE_SETS), ...(after !== undefined && { after }) });
  return ask(`/sets?${query}`);
}

/**
 * Creates a set. With the same id again it does no harm.
 * @param {{id: string, name: string}} set
 * @throws {RequestError}
 */
export function createSet(set) {
  return ask('/sets', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(set),
  });
}

/**
 * @param {string} id
 * @returns {Promise<{cursor: string, count: number, digest: string}>}
 * @throws {RequestError}
 */
export function fetchDigest(id) {
  return ask(`/sets/${id}/digest`);
}

async function ask(path, options) {
  let response;
  let body;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
    body = await response.json();
  } catch (error) {
    const code = error.name === 'TimeoutError' ? 'timeout' : 'disconnected';
    throw new RequestError(code, error.message, { sent: true });
  }
  if (response.ok) return body;
  const { code = 'internal', message = '' } = body?.error ?? {};
  throw new RequestError(code, message, { sent: true });
}
