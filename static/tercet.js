/**
 * A small client for Tercet: one websocket that reconnects for ever, and requests that end in an answer or an error.
 * It needs no page: it runs wherever there is a global WebSocket (browsers, Node 22 and later).
 *
 *     import { connect, follow } from './tercet.js';
 *     const connection = connect('ws://localhost:9999/ws/numbers');
 *     follow(connection, { ask: { Cmd: 2 }, onListing: ({ Users }) => console.log(Users) });
 *     await connection.opened();
 *     await connection.request({ Cmd: 1, CmdData: { UserName: 'ana', FavoriteNumber: 22 } });
 *
 * Events, all with a `detail`:
 * - `state`    {@link Status}: the connection changed its state, or learned when it will try again
 * - `open`     null: connected, for the first time or again. Subscribe here, or use {@link follow}
 * - `message`  each message received, answers too; integers beyond 2^53 are BigInts
 */
import { backoffMs } from './client/backoff.js';
import { parse, stringify } from './client/json.js';

export { follow } from './client/follow.js';

/** What can be set, with units and reasons. */
export const DEFAULTS = Object.freeze({
  /** How long an answer may take: a little longer than the server waits for a worker, so that its word is heard. */
  requestTimeoutMs: 35_000,
  /** Requests that may wait for their answers at once; one more is rejected as `busy`. */
  requestsMax: 100,
  /** How long connecting may take: where packets are swallowed, a browser would wait for minutes. */
  connectTimeoutMs: 10_000,
  /** After this long a silence the connection is probed, */
  quietMs: 40_000,
  /** and after this long without an answer it is given up. */
  probeTimeoutMs: 10_000,
  /** The cheapest request. Any answer will do, an error as well: it came from the other side. */
  probe: Object.freeze({}),
  /** A connection that held this long was a good one: the backoff starts anew. */
  stableMs: 5_000,
  /** The longest wait that a server may ask for. */
  retryHintMaxMs: 60_000,
});

/**
 * @typedef {object} Status
 * @property {'connecting'|'open'|'lost'|'stopped'} state `lost` tries again by itself, `stopped` does not
 * @property {number} [code] why it was lost or stopped: the websocket's close code
 * @property {string} [reason] the same in words, if the server gave any
 * @property {number} [retryAtMs] when `lost` tries again, on the clock of Date.now()
 */

/**
 * A request failed. `code` is one of the protocol's, or one of this client's own:
 * `disconnected` (no connection, or lost before the answer), `timeout`, `busy`.
 * `sent` is false when the request certainly never left.
 */
export class RequestError extends Error {
  constructor(code, message, { sent }) {
    super(message || code);
    this.name = 'RequestError';
    this.code = code;
    this.sent = sent;
  }
}

/**
 * Connects, and keeps reconnecting.
 * @param {string} url `ws:`, `wss:`, or relative to the page
 * @param {Partial<typeof DEFAULTS> & {WebSocket?: any, random?: () => number}} [options]
 */
export function connect(url, options) {
  return new Connection(url, options);
}

export class Connection extends EventTarget {
  #url;
  #options;
  /** @type {Status} */ #status;
  #socket = null;
  /** Waits for what the state calls for: connecting → give up; open → probe; lost → dial. */ #timer;
  #attempt = 0;
  #openedAtMs = 0;
  #heardAtMs = 0;
  /** Until then only a person may make it dial: the server asked for it. */ #notBeforeMs = 0;
  #lastId = 0;
  #pending = new Map();
  #onOnline = () => this.#networkIsBack();

  /** Use {@link connect}. */
  constructor(url, options = {}) {
    super();
    this.#options = { WebSocket: globalThis.WebSocket, random: Math.random, ...DEFAULTS, ...options };
    const absolute = new URL(url, globalThis.location?.href);
    absolute.protocol = absolute.protocol.replace(/^http/, 'ws');
    this.#url = absolute.href;
    globalThis.addEventListener?.('online', this.#onOnline);
    this.#dial();
  }

  /** @returns {Status['state']} */
  get state() {
    return this.#status.state;
  }

  /** @returns {Readonly<Status>} */
  get status() {
    return this.#status;
  }

  /** Resolves when the connection is open; rejects when it stops. */
  async opened() {
    while (this.state !== 'open') {
      if (this.state === 'stopped') throw new RequestError('disconnected', this.#status.reason, { sent: false });
      await new Promise((resolve) => this.addEventListener('state', resolve, { once: true }));
    }
  }

  /**
   * Sends one request. Nothing is queued: without a connection it is rejected at once.
   * @param {object} message the request, without `id`: that is added
   * @param {{timeoutMs?: number}} [options]
   * @returns {Promise<any>} the answer
   * @throws {RequestError}
   */
  async request(message, { timeoutMs = this.#options.requestTimeoutMs } = {}) {
    if (this.state !== 'open') throw new RequestError('disconnected', 'not connected', { sent: false });
    if (this.#pending.size >= this.#options.requestsMax) {
      throw new RequestError('busy', 'too many requests wait for their answers', { sent: false });
    }
    const id = ++this.#lastId;
    const text = stringify({ ...message, id });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle(id)?.reject(new RequestError('timeout', `no answer in ${timeoutMs} ms`, { sent: true }));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.send(text);
    });
  }

  /** Connects now instead of after the wait; also after a stop. */
  reconnectNow() {
    if (this.state !== 'lost' && this.state !== 'stopped') return;
    globalThis.addEventListener?.('online', this.#onOnline);
    this.#dial();
  }

  /** Ends the connection: from here on only `reconnectNow` starts it again. */
  close() {
    globalThis.removeEventListener?.('online', this.#onOnline);
    this.#drop({ state: 'stopped', code: 1000, reason: 'closed here' });
  }

  #dial() {
    clearTimeout(this.#timer);
    const socket = new this.#options.WebSocket(this.#url);
    const ifCurrent = (handle) => (event) => {
      if (socket === this.#socket) handle(event);
    };
    socket.onopen = ifCurrent(() => this.#open());
    socket.onmessage = ifCurrent(({ data }) => this.#receive(data));
    // Some implementations report a connection that never was by this event alone.
    socket.onerror = ifCurrent(() => this.state === 'connecting' && this.#lose(1006, ''));
    socket.onclose = ifCurrent(({ code, reason }) => this.#lose(code, reason));
    this.#socket = socket;
    this.#openedAtMs = 0;
    const { connectTimeoutMs } = this.#options;
    this.#timer = setTimeout(() => this.#lose(1006, 'no connection in time'), connectTimeoutMs);
    this.#enter({ state: 'connecting' });
  }

  #open() {
    clearTimeout(this.#timer);
    this.#openedAtMs = this.#heardAtMs = Date.now();
    this.#notBeforeMs = 0;
    this.#listen();
    this.#enter({ state: 'open' });
    this.dispatchEvent(new CustomEvent('open'));
  }

  #receive(data) {
    this.#heardAtMs = Date.now();
    let message;
    try {
      message = parse(data);
      if (typeof message !== 'object' || message === null) throw new TypeError('not an object');
    } catch {
      return this.#lose(1002, 'the server sent something that is no message');
    }
    const request = this.#settle(message.id);
    if (message.error) {
      request?.reject(new RequestError(message.error.code, message.error.message, { sent: true }));
    } else {
      request?.resolve(message);
    }
    this.dispatchEvent(new CustomEvent('message', { detail: message }));
  }

  /** Waits for a silence, then asks for a sign of life. */
  #listen(waitMs = this.#options.quietMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const restMs = this.#options.quietMs - (Date.now() - this.#heardAtMs);
      if (restMs > 0) this.#listen(restMs);
      else this.#probe();
    }, waitMs);
  }

  async #probe() {
    const socket = this.#socket;
    const { probe, probeTimeoutMs } = this.#options;
    const heardAtMs = this.#heardAtMs;
    const error = await this.request(probe, { timeoutMs: probeTimeoutMs }).catch((error) => error);
    if (socket !== this.#socket) return;
    if (error?.code === 'timeout' && heardAtMs === this.#heardAtMs) this.#lose(1006, 'the server fell silent');
    else this.#listen();
  }

  #networkIsBack() {
    if (this.state === 'lost' && Date.now() >= this.#notBeforeMs) this.#dial();
    if (this.state === 'open') this.#probe(); // it may belong to the network that went away
  }

  #lose(code, reason) {
    if (code >= 4500 && code <= 4999) {
      return this.#drop({ state: 'stopped', code, reason: reasonInWords(reason) });
    }
    const nowMs = Date.now();
    const { stableMs, retryHintMaxMs, random } = this.#options;
    if (this.#openedAtMs && nowMs - this.#openedAtMs >= stableMs) this.#attempt = 0;
    const hintMs = Math.min(retryHintMs(reason), retryHintMaxMs);
    const waitMs = hintMs + backoffMs(this.#attempt++, random);
    this.#notBeforeMs = nowMs + hintMs;
    this.#drop({ state: 'lost', code, reason: reasonInWords(reason), retryAtMs: nowMs + waitMs });
    // A listener may have reconnected or closed already.
    if (this.state === 'lost') this.#timer = setTimeout(() => this.#dial(), waitMs);
  }

  /** Lets go of the socket, without waiting for it to agree, and of what waited for its answers. */
  #drop(status) {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    const waiting = [...this.#pending.keys()].map((id) => this.#settle(id));
    this.#enter(status);
    const lost = () =>
      new RequestError('disconnected', 'the connection was lost before the answer came', { sent: true });
    for (const request of waiting) request.reject(lost());
  }

  #settle(id) {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(request?.timer);
    return request;
  }

  #enter(status) {
    this.#status = Object.freeze(status);
    this.dispatchEvent(new CustomEvent('state', { detail: this.#status }));
  }
}

/** A close reason is text, or JSON like {"retry_ms":1234} or {"message":"…"}. */
function readReason(reason) {
  try {
    const value = JSON.parse(reason);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return { message: reason };
  }
}

function retryHintMs(reason) {
  const { retry_ms } = readReason(reason);
  return Number.isFinite(retry_ms) && retry_ms > 0 ? retry_ms : 0;
}

function reasonInWords(reason) {
  const { message } = readReason(reason);
  return typeof message === 'string' ? message : '';
}
