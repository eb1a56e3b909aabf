/** The files service over HTTP: what is asked for and not pushed. */
import { RequestError } from '../tercet.js';

/** A little longer than the server waits for a worker, so that its word is heard. */
const TIMEOUT_MS = 35_000;

/** Files in one page: the most that the server gives. */
const PAGE_FILES = 10_000;

/** Files of a listing that is too long for one message that are listed: some 20 MB in a browser. */
export const LISTED_MAX = 200_000;

/**
 * The watchers and how they are doing.
 * @returns {Promise<{nodes: {watcher: number, files: number, lag_ms: number, trouble?: string}[], count: number, cursor: string}>}
 * @throws {RequestError}
 */
export function fetchNodes() {
  return ask('/nodes');
}

/**
 * The beginning of the listing, page by page. What happens meanwhile may be in it or not.
 * @returns {Promise<{files: [string, number][], isAll: boolean}>}
 * @throws {RequestError}
 */
export async function fetchFiles() {
  const files = [];
  for (let after; ;) {
    const query = new URLSearchParams({ details: '1', limit: String(PAGE_FILES), ...(after !== undefined && { after }) });
    const page = await ask(`/files?${query}`);
    for (const { filename, watcher } of page.files) files.push([filename, watcher]);
    after = page.next;
    if (after === undefined || files.length >= LISTED_MAX) return { files, isAll: after === undefined };
  }
}

async function ask(path) {
  let response;
  let body;
  try {
    response = await fetch(path, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await response.json();
  } catch (error) {
    const code = error.name === 'TimeoutError' ? 'timeout' : 'disconnected';
    throw new RequestError(code, error.message, { sent: true });
  }
  if (response.ok) return body;
  const { code = 'internal', message = '' } = body?.error ?? {};
  throw new RequestError(code, message, { sent: true });
}
