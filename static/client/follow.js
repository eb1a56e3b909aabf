import { backoffMs } from './backoff.js';

/**
 * Follows one versioned listing over a connection: asks for it after each (re)connection until it is answered, takes the
 * pushes from then on, and drops every listing that is not newer than the newest seen.
 *
 * @param {import('../tercet.js').Connection} connection
 * @param {object} options
 * @param {object} options.ask the request for the listing, which also subscribes to it
 * @param {(listing: any) => void} options.onListing called with each newer listing
 * @param {(fresh: boolean) => void} [options.onFresh] called when the newest listing starts or stops being up to date
 * @param {(error: Error) => void} [options.onError] called when asking failed; it is asked again by itself
 * @param {(message: any) => boolean} [options.accepts] tells listings from other messages
 * @param {number} [options.timeoutMs] how long one answer may take: a listing can be megabytes on a slow line
 * @returns {() => void} stops following
 */
export function follow(connection, options) {
  const { ask, onListing, onFresh = () => {}, onError = () => {}, timeoutMs = 30_000 } = options;
  const accepts = options.accepts ?? ((message) => Number.isSafeInteger(message.Version));
  let newestVersion = 0;
  let fresh = false;
  let attempt = 0;
  let timer;

  const setFresh = (value) => {
    if (fresh !== value) onFresh((fresh = value));
  };
  const onMessage = ({ detail: message }) => {
    if (!accepts(message) || message.Version < newestVersion) return;
    if (message.Version > newestVersion) {
      newestVersion = message.Version;
      onListing(message);
    }
    setFresh(true);
  };
  const askNow = async () => {
    try {
      await connection.request(ask, { timeoutMs });
    } catch (error) {
      if (error.code === 'disconnected') return; // the next `open` asks
      if (!fresh) onError(error);
    }
    if (!fresh && connection.state === 'open') timer = setTimeout(askNow, backoffMs(attempt++));
  };
  const onOpen = () => {
    attempt = 0;
    askNow();
  };
  const onState = () => {
    clearTimeout(timer);
    if (connection.state !== 'open') setFresh(false);
  };

  connection.addEventListener('message', onMessage);
  connection.addEventListener('state', onState);
  connection.addEventListener('open', onOpen);
  if (connection.state === 'open') onOpen();
  return () => {
    clearTimeout(timer);
    connection.removeEventListener('message', onMessage);
    connection.removeEventListener('state', onState);
    connection.removeEventListener('open', onOpen);
    fresh = true; // an answer still on its way asks no more
  };
}
