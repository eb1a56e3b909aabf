/**
 * One user's chat over a connection: logs in after each (re)connection, fetches what was missed, follows pushes, and sends what
 * waits, one message after the other, so that they arrive in the order in which they were written.
 */
import { backoffMs } from '../client/backoff.js';
import { UNSENT_MAX } from './model.js';
import { Watching } from './watching.js';

/** Conversations in a page of the home screen, messages in a page of history, changes in a page of what was missed. */
export const PAGE = 50;
const SYNC_PAGE = 500;

/** How soon a message that was acknowledged has to come back as a push; else something was missed. */
const PUSH_AFTER_MS = 3_000;

/** How long what was received waits to be told: several messages are told together, and what is read at once is not told. */
const RECEIVED_AFTER_MS = 500;

/** The close code of a connection whose token has expired. */
const TOKEN_EXPIRED = 4501;

/** How often the other side hears that a message is being typed, */
export const TYPING_EVERY_MS = 3_000;
/** and how long it shows that. */
export const TYPING_SHOWN_MS = 5_000;

/** How long the home screen may be in memory only: the server has it. */
const KEEP_AFTER_MS = 1_000;

/** Errors after which the same message may well be taken. */
const PASSING = ['unavailable', 'outcome_unknown', 'timeout', 'rate_limited', 'busy', 'disconnected', 'internal'];

/**
 * @typedef {'waiting' | 'refused' | 'catching_up' | 'live'} Phase waiting: for the connection; refused: the login was;
 *   live: all is here, and pushes are followed
 */

/** Events: `change` (anything to show is different), `login` (detail: the answer), `typing` (detail: who). */
export class ChatSession extends EventTarget {
  #connection;
  #login;
  #store;
  /** @type {Phase} */ #phase = 'waiting';
  #trouble = null;
  #attempt = 0;
  #timer;
  #pushTimer;
  #receivedTimer = null;
  #watching;
  #isSending = false;
  /** Reading that the server was not told of yet, by conversation. */ #reading = new Map();
  #readingTimer = null;
  /** How often in a row that was refused for now. */ #readingAttempt = 0;
  #typedAtMs = 0;
  /** Counts the times it started: an answer to what was asked before is late. */ #round = 0;
  #hasEnded = false;
  #listeners;
  #keepTimer = null;
  #onLeave = () => this.#keepHome();
  /** Messages that are in storage, */ #kept = new Set();
  /** and those that it did not take. */ #unkept = new Set();

  /**
   * @param {import('../tercet.js').Connection} connection
   * @param {object} options
   * @param {{username: string, token?: string}} options.login
   * @param {import('./model.js').ChatModel} options.model
   * @param {import('./store.js').ChatStore} options.store
   */
  constructor(connection, { login, model, store }) {
    super();
    this.#connection = connection;
    this.#login = login;
    this.#store = store;
    this.model = model;
    this.name = login.username;
    this.#watching = new Watching({
      request: (request) => connection.request(request),
      learn: (users) => this.#learnPresence(users),
      forget: (users) => model.forgetPresence(users),
    });
    this.#restore();
    this.#listeners = {
      message: ({ detail }) => this.#hear(detail),
      state: ({ detail }) => this.#onState(detail),
      open: () => this.#start(),
    };
    for (const [event, listener] of Object.entries(this.#listeners)) connection.addEventListener(event, listener);
    globalThis.addEventListener?.('pagehide', this.#onLeave);
    if (connection.state === 'open') this.#start();
  }

  get phase() {
    return this.#phase;
  }

  /** Why the last request failed, until one succeeds. @type {{code: string, message: string} | null} */
  get trouble() {
    return this.#trouble;
  }

  /** The proof of who this is, if one was given. @type {string | undefined} */
  get token() {
    return this.#login.token;
  }

  /** How many of the messages that wait are only in this page. */
  get unkept() {
    return this.#unkept.size;
  }

  end() {
    this.#round++;
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#pushTimer);
    clearTimeout(this.#receivedTimer);
    clearTimeout(this.#readingTimer);
    for (const [event, listener] of Object.entries(this.#listeners)) this.#connection.removeEventListener(event, listener);
    globalThis.removeEventListener?.('pagehide', this.#onLeave);
    this.#keepHome();
  }

  /**
   * Takes a message to be sent, now or when that is possible.
   * @returns {boolean} false if too many wait already
   */
  write(to, text, picture) {
    if (this.model.unsent.length >= UNSENT_MAX) return false;
    this.#keep({ message_id: messageId(), to, text, ...(picture && { picture }), written_ms: this.#nextMs() });
    this.#typedAtMs = 0;
    this.#send();
    return true;
  }

  /** Sends what was refused once more, as a new message. */
  writeAgain({ message_id, to, text, picture }) {
    this.discard(message_id);
    this.write(to, text, picture);
  }

  discard(message_id) {
    this.model.discard(message_id);
    this.#changed();
  }

  /** The user has seen a conversation up to a message. */
  read(id, seq) {
    if (seq <= (this.model.conversations.get(id)?.read ?? 0)) return;
    this.model.markRead(id, seq);
    this.#reading.set(id, seq);
    this.#tellReading(id);
    this.#changed();
  }

  /** These users are shown: whether they are online is asked for and followed, if there is a conversation with them. */
  show(ids) {
    if (this.#phase === 'live') this.#watching.want(ids.filter((id) => this.model.conversations.get(id)?.last));
  }

  /** The user is typing. */
  async typing(to) {
    const nowMs = Date.now();
    if (this.#phase !== 'live' || nowMs - this.#typedAtMs < TYPING_EVERY_MS) return;
    this.#typedAtMs = nowMs;
    await this.#connection.request({ type: 'typing', to }).catch(() => {}); // it is worth no second try
  }

  /**
   * Fetches a page of a conversation: the newest, or the one before a message.
   * @returns {Promise<boolean>} whether it came
   */
  async history(to, before) {
    const page = { type: 'history', with: to, limit: PAGE, ...(before > 0 && { before }) };
    // How far it was read stands on the home screen, perhaps further down than that was read.
    while (!this.model.find(to)?.isSure && this.model.next !== null) if (!(await this.older())) return false;
    try {
      this.model.addHistory(to, await this.#connection.request(page));
      this.#changed();
      return true;
    } catch (error) {
      if (error.code !== 'not_found') return false;
      return true; // nobody has written there yet
    }
  }

  /**
   * Fetches the next page of the home screen.
   * @returns {Promise<boolean>} whether it came
   */
  async older() {
    const { next } = this.model;
    const page = await this.#connection.request({ type: 'home', limit: PAGE, before: next }).catch(() => null);
    if (page && next === this.model.next) this.model.addOlder(page);
    this.#changed();
    return page !== null;
  }

  #restore() {
    const { model } = this;
    const kept = this.#store.readHome(model.user);
    if (kept) model.reset(kept);
    for (const [id, seq] of kept?.reading ?? []) this.#reading.set(id, seq);
    for (const unsent of this.#store.readUnsent(model.user)) {
      model.write(unsent);
      this.#kept.add(unsent.message_id);
    }
  }

  /** Logs in and fetches what was missed; `again`: this connection is logged in already. */
  async #start({ again = false } = {}) {
    const round = ++this.#round;
    clearTimeout(this.#timer);
    this.#enter('catching_up');
    try {
      if (!again) {
        const answer = await this.#connection.request({ type: 'login', ...this.#login });
        if (round !== this.#round) return;
        this.name = answer.name;
        this.#watching.startAnew();
        this.dispatchEvent(new CustomEvent('login', { detail: answer }));
      }
      if (round === this.#round) await this.#catchUp(round);
    } catch (error) {
      if (round !== this.#round || error.code === 'disconnected') return;
      this.#trouble = error;
      if (PASSING.includes(error.code)) this.#timer = setTimeout(() => this.#start(), backoffMs(this.#attempt++));
      this.#enter(PASSING.includes(error.code) ? 'catching_up' : 'refused');
    }
  }

  async #catchUp(round) {
    const { model } = this;
    let more = true;
    while (more || model.isBehind) {
      const request = model.startCatchingUp();
      const limit = request.type === 'sync' ? SYNC_PAGE : PAGE;
      const answer = await this.#connection.request({ ...request, limit });
      if (round !== this.#round) return;
      more = model.catchUp(request, answer);
    }
    this.#attempt = 0;
    this.#trouble = null;
    this.#enter('live');
    this.#tellAllReading();
    this.#send();
  }

  #hear(message) {
    if (message.id !== undefined) return;
    if (message.type === 'typing') {
      this.dispatchEvent(new CustomEvent('typing', { detail: message.from }));
    } else if (message.type === 'presence') {
      this.#learnPresence(message.users);
    } else if (message.type === 'gap') {
      this.model.gap(message.cursor);
    } else if (message.cursor !== undefined && this.model.push(message) === 'applied') {
      this.#changed();
    }
    if (this.model.isBehind && this.#phase === 'live') this.#start({ again: true });
  }

  async #send() {
    const unsent = this.model.nextUnsent;
    if (this.#hasEnded || this.#isSending || this.#phase !== 'live' || !unsent) return;
    this.#isSending = true;
    const round = this.#round;
    const { message_id, to, text, picture } = unsent;
    let waitMs = 0;
    try {
      this.#acknowledge(await this.#connection.request({ type: 'send', to, text, message_id, ...(picture && { picture: picture.id }) }));
    } catch (error) {
      if (PASSING.includes(error.code)) waitMs = backoffMs(this.#attempt++);
      else if (error.code === 'unauthorized') this.#start();
      else this.#refuse(unsent, error);
      if (error.code !== 'disconnected') this.#trouble = error;
    }
    this.#isSending = false;
    this.#changed();
    if (round !== this.#round && this.#phase !== 'live') return; // it goes on when it is live again
    if (waitMs > 0) this.#timer = setTimeout(() => this.#send(), waitMs);
    else this.#send();
  }

  #acknowledge(answer) {
    this.#trouble = null;
    this.#attempt = 0;
    this.model.sent(answer, this.name);
    // Its push may have been lost, and with it others'.
    clearTimeout(this.#pushTimer);
    this.#pushTimer = setTimeout(() => {
      if (this.#phase === 'live' && this.model.unsent.some(({ seq }) => seq)) this.#start({ again: true });
    }, PUSH_AFTER_MS);
  }

  #refuse(unsent, error) {
    this.model.refuse(unsent.message_id, error);
    if (this.#kept.has(unsent.message_id)) this.#store.keepUnsent(this.model.user, unsent);
  }

  #tellAllReading() {
    clearTimeout(this.#readingTimer);
    this.#readingTimer = null;
    for (const id of this.#reading.keys()) this.#tellReading(id);
  }

  async #tellReading(id) {
    if (this.#phase !== 'live') return;
    const seq = this.#reading.get(id);
    try {
      const { read } = await this.#connection.request({ type: 'read', with: id, seq });
      this.model.markRead(id, read);
    } catch (error) {
      if (PASSING.includes(error.code)) return this.#tellReadingLater();
    }
    this.#readingAttempt = 0;
    if (this.#reading.get(id) === seq) this.#reading.delete(id);
  }

  /** Without a connection it is told when it is live again. */
  #tellReadingLater() {
    if (this.#phase !== 'live' || this.#hasEnded) return;
    this.#readingTimer ??= setTimeout(() => this.#tellAllReading(), backoffMs(this.#readingAttempt++));
  }

  /** Tells what is here and not read; what fails is told with the next change, or when it is live again. */
  async #tellReceived() {
    try {
      for (const { id, lastSeq } of this.model.unreceived) {
        if (this.#phase !== 'live') break;
        await this.#connection.request({ type: 'received', with: id, seq: lastSeq });
        this.model.conversations.get(id).received = lastSeq;
      }
    } catch {
      // see above
    }
    this.#receivedTimer = null;
  }

  #learnPresence(users) {
    this.model.learnPresence(users);
    this.#changed();
  }

  #onState(status) {
    if (this.#connection.state === 'open') return;
    this.model.forgetPresence();
    if (status?.code === TOKEN_EXPIRED) {
      this.#trouble = { code: 'expired', message: status.reason };
      this.#enter('refused');
    } else {
      this.#enter('waiting');
    }
  }

  #keep(unsent) {
    this.model.write(unsent);
    const isKept = this.#store.keepUnsent(this.model.user, unsent);
    (isKept ? this.#kept : this.#unkept).add(unsent.message_id);
    this.#changed();
  }

  /** Takes from storage what does not wait any more. */
  #tidy() {
    const waiting = new Set(this.model.unsent.filter(({ seq }) => !seq).map(({ message_id }) => message_id));
    for (const message_id of this.#kept) {
      if (waiting.has(message_id)) continue;
      this.#store.dropUnsent(this.model.user, message_id);
      this.#kept.delete(message_id);
    }
    for (const message_id of this.#unkept) if (!waiting.has(message_id)) this.#unkept.delete(message_id);
  }

  #keepHome() {
    clearTimeout(this.#keepTimer);
    this.#keepTimer = null;
    if (this.model.cursor !== null) this.#store.writeHome(this.model, this.#reading);
  }

  /** Of two that are written in one millisecond, or while the clock is set back, the second is still the later one. */
  #nextMs() {
    return Math.max(Date.now(), (this.model.unsent.at(-1)?.written_ms ?? 0) + 1);
  }

  #enter(phase) {
    this.#phase = phase;
    if (phase === 'waiting' || phase === 'refused') this.#round++;
    this.#changed();
  }

  #changed() {
    if (this.#hasEnded) return;
    this.#tidy();
    this.#keepTimer ??= setTimeout(this.#onLeave, KEEP_AFTER_MS);
    if (this.#phase === 'live' && this.model.unreceived.length > 0) {
      this.#receivedTimer ??= setTimeout(() => this.#tellReceived(), RECEIVED_AFTER_MS);
    }
    this.dispatchEvent(new CustomEvent('change'));
  }
}

/** Over plain http browsers have no randomUUID. */
function messageId() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
