/**
 * Keeps a replica in step with the server while it is online: watches the set, takes what others did, sends what waits.
 * It needs no page; a connection like that of `tercet.js` is enough.
 *
 * - First it watches from the replica's cursor, then it sends, in batches, one after the other. What was sent and not
 *   answered waits on and is sent again: the server knows an operation by its stamp.
 * - Changes that come while a watch waits for its answer are put aside: they may belong before or after it.
 * - A change that does not follow the cursor is a hole, so it watches again from there.
 *
 * Events: `state`, whenever `status`, `phase` or `trouble` may have changed.
 *
 * @typedef {'offline' | 'disconnected' | 'catching_up' | 'live' | 'gone'} Phase
 *   `offline`: its user wants no connection; `gone`: the server has no such set
 */
import { backoffMs } from '../client/backoff.js';
import { isNotAfter, onTheWire } from './replica.js';

/** Changes put aside during a watch; with more, they are dropped and watched for again. */
const ASIDE_MAX = 1_000;

/** What an offline replica says of its connection. */
const OFFLINE = Object.freeze({ state: 'offline' });

export class ReplicaSync extends EventTarget {
  #replica;
  #connect;
  #connection = null;
  /** @type {Phase} */ #phase = 'disconnected';
  /** Why the last request failed, until one succeeds. @type {Error | null} */ #trouble = null;
  #attempt = 0;
  /** Set while it waits before it tries again. */ #timer = null;
  #watching = false;
  /** Pushes that came during a watch; null when there were too many. @type {object[] | null} */ #aside = [];
  #sending = false;
  /** Operations to send one by one, because one among so many was refused. */ #singly = 0;
  #ended = false;

  /**
   * @param {import('./replica.js').Replica} replica
   * @param {() => import('../tercet.js').Connection} connect makes a connection; called each time the replica goes online
   */
  constructor(replica, connect) {
    super();
    this.#replica = replica;
    this.#connect = connect;
    replica.addEventListener('change', () => this.#send());
    if (replica.offline) this.#phase = 'offline';
    else this.#goOnline();
  }

  get phase() {
    return this.#phase;
  }

  get trouble() {
    return this.#trouble;
  }

  /** @returns {import('../tercet.js').Status | {state: 'offline'}} */
  get status() {
    return this.#connection?.status ?? OFFLINE;
  }

  /** Whether requests are on their way that carry operations. */
  get sending() {
    return this.#sending;
  }

  /** Lets the replica work without the server, or with it again. */
  setOffline(offline) {
    if (offline === this.#replica.offline) return;
    this.#replica.setOffline(offline);
    if (offline) this.#disconnect('offline');
    else this.#goOnline();
  }

  /** Connects now instead of after the wait; also if it is offline. */
  reconnectNow() {
    if (this.#replica.offline) this.setOffline(false);
    else this.#connection?.reconnectNow();
  }

  /** Forgets what the server said, and takes the whole set anew. */
  fetchAnew() {
    if (this.#phase === 'live') this.#watch({ anew: true });
  }

  end() {
    this.#ended = true;
    this.#disconnect('disconnected');
  }

  #goOnline() {
    this.#phase = 'disconnected';
    const connection = (this.#connection = this.#connect());
    const ifCurrent = (handle) => (event) => {
      if (connection === this.#connection) handle(event);
    };
    connection.addEventListener(
      'state',
      ifCurrent(() => this.#onState()),
    );
    connection.addEventListener(
      'open',
      ifCurrent(() => this.#onOpen()),
    );
    connection.addEventListener(
      'message',
      ifCurrent(({ detail }) => this.#onMessage(detail)),
    );
    this.#tell();
  }

  #disconnect(phase) {
    this.#stopWaiting();
    const connection = this.#connection;
    this.#connection = null;
    connection?.close();
    this.#trouble = null;
    this.#enter(phase);
  }

  #onState() {
    if (this.status.state !== 'open') {
      this.#stopWaiting();
      this.#trouble = null;
      this.#phase = 'disconnected';
    }
    this.#tell();
  }

  #onOpen() {
    this.#attempt = 0;
    this.#watch();
  }

  #onMessage(message) {
    if (message.set !== this.#replica.set || message.id !== undefined) return;
    if (!['delta', 'reset', 'deleted'].includes(message.type)) return;
    if (!this.#watching) this.#takePush(message);
    else if (this.#aside?.length < ASIDE_MAX) this.#aside.push(message);
    else this.#aside = null;
  }

  #takePush(message) {
    const { cursor } = this.#replica;
    if (message.type === 'deleted') {
      this.#enter('gone');
    } else if (message.type === 'delta') {
      if (this.#replica.take(message) === 'hole') this.#catchUp();
    } else if (cursor !== null && isNotAfter(cursor, message.cursor)) {
      this.#replica.replace(message);
    } else {
      // Older than what came in the meantime, or of another epoch: the answer to a watch is sure.
      this.#catchUp();
    }
  }

  #catchUp() {
    this.#enter('catching_up');
    this.#goOn();
  }

  /** Does what is next, unless it waits before that. */
  #goOn() {
    if (this.#timer) return;
    if (this.#phase === 'live') this.#send();
    else if (this.#connection?.state === 'open') this.#watch();
  }

  /** Watches until the replica is where the server is. */
  async #watch({ anew = false } = {}) {
    if (this.#watching) return;
    this.#watching = true;
    this.#aside = [];
    this.#enter('catching_up');
    const connection = this.#connection;
    const done = await this.#watchPages(connection, anew);
    this.#watching = false;
    if (!done || connection !== this.#connection) return;
    this.#attempt = 0;
    this.#replica.caughtUp();
    this.#enter('live');
    if (this.#aside === null) return this.#catchUp();
    for (const message of this.#aside) if (!this.#watching) this.#takePush(message);
    this.#send();
  }

  /** @returns {Promise<boolean>} whether the replica has all pages */
  async #watchPages(connection, anew) {
    const { set } = this.#replica;
    let cursor = anew ? null : this.#replica.cursor;
    for (;;) {
      const request = { type: 'watch', set, ...(cursor !== null && { cursor }) };
      const answer = await this.#request(connection, request);
      if (answer instanceof Error) {
        // Only a cursor that is no cursor is refused: one that this browser kept and something spoiled.
        if (answer.code !== 'bad_request' || cursor === null) return this.#failed(answer);
        cursor = null;
        continue;
      }
      if (answer.type === 'delta') this.#replica.take({ cursor: answer.cursor, operations: answer.operations });
      else this.#replica.replace(answer);
      if (!answer.more) return true;
      cursor = this.#replica.cursor;
    }
  }

  /** Sends what waits, batch by batch. */
  async #send() {
    if (this.#sending || this.#timer || this.#phase !== 'live' || this.#replica.waiting.length === 0) return;
    this.#sending = true;
    this.#tell();
    const connection = this.#connection;
    while (connection === this.#connection && this.#phase === 'live') {
      const batch = this.#replica.batch(this.#singly > 0 ? 1 : undefined);
      if (batch.length === 0 || !(await this.#sendBatch(connection, batch))) break;
    }
    this.#sending = false;
    this.#tell();
  }

  /** @returns {Promise<boolean>} whether to go on */
  async #sendBatch(connection, batch) {
    const { set } = this.#replica;
    const answer = await this.#request(connection, { type: 'apply', set, operations: batch.map(onTheWire) });
    if (answer instanceof Error) return this.#batchFailed(batch, answer);
    this.#singly = Math.max(0, this.#singly - 1);
    if (answer.outcomes?.length !== batch.length) return this.#failed(new Error('the answer has not all outcomes'));
    this.#replica.settle(batch, answer);
    if (answer.outcomes.every(({ outcome }) => outcome === 'clock_ahead')) {
      this.#later();
      return false;
    }
    this.#attempt = 0;
    return true;
  }

  #batchFailed(batch, error) {
    if (error.code !== 'bad_request' && error.code !== 'too_large') return this.#failed(error);
    if (batch.length > 1) {
      this.#singly = batch.length;
    } else {
      this.#singly = Math.max(0, this.#singly - 1);
      this.#replica.refuse(batch[0], error.message);
    }
    return true;
  }

  /** @returns {Promise<any>} the answer, or the error; its time is heard */
  async #request(connection, request) {
    const { clock } = this.#replica;
    const sentMs = clock.localMs();
    try {
      const answer = await connection.request(request);
      clock.hear(answer.server_ms, sentMs, clock.localMs());
      this.#trouble = null;
      return answer;
    } catch (error) {
      return error;
    }
  }

  /** @returns {false} */
  #failed(error) {
    if (error.code === 'disconnected') return false; // the next `open` watches, and then sends
    if (error.code === 'not_found') {
      this.#enter('gone');
      return false;
    }
    this.#trouble = error;
    this.#later();
    this.#tell();
    return false;
  }

  #later() {
    if (this.status.state !== 'open') return;
    clearTimeout(this.#timer);
    const fire = () => {
      this.#timer = null;
      this.#goOn();
    };
    this.#timer = setTimeout(fire, backoffMs(this.#attempt++));
  }

  #stopWaiting() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #enter(phase) {
    this.#phase = phase;
    this.#tell();
  }

  #tell() {
    if (!this.#ended) this.dispatchEvent(new CustomEvent('state'));
  }
}
