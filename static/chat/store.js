/**
 * Keeps a user's chat in the browser's storage, so that it outlives the page: the cursor with the home screen it belongs to,
 * and each message that waits to be sent under a key of its own, so that two pages of one user do not overwrite each other's.
 * What one page left behind another one sends: with its id it is stored once, however many send it.
 */
import { UNSENT_MAX } from './model.js';
import { isPicture } from './picture-bubble.js';

/** A home screen with more conversations than this is not kept but asked for: with 4 KiB texts it is 1 of the 5 MB of a page. */
export const CONVERSATIONS_KEPT_MAX = 200;

const PREFIX = 'tercet.chat/';

export class ChatStore {
  #storage;

  /** @param {() => Storage} [storage] may throw, as browsers do whose storage is switched off */
  constructor(storage = () => localStorage) {
    this.#storage = attempt(storage);
  }

  /**
   * @param {string} user
   * @returns {{cursor: string, conversations: object[], reading: [string, number][]} | null}
   */
  readHome(user) {
    const kept = this.#read(homeKey(user));
    if (typeof kept?.cursor !== 'string' || !Array.isArray(kept.conversations)) return null;
    const reading = Array.isArray(kept.reading) ? kept.reading.filter(isReading) : [];
    return { ...kept, reading };
  }

  /**
   * @param {import('./model.js').ChatModel} model
   * @param {Map<string, number>} [reading] up to where conversations were read that the server was not told of yet. It belongs
   *   to the home screen, which shows it as read.
   */
  writeHome(model, reading = new Map()) {
    const { user, cursor, next } = model;
    const conversations = model.home.filter(({ last }) => last).map(({ summary }) => summary);
    const fits = cursor !== null && next === null && conversations.length <= CONVERSATIONS_KEPT_MAX;
    const text = fits ? JSON.stringify({ cursor, conversations, reading: [...reading] }) : null;
    const isKept = text !== null && this.#write(homeKey(user), text);
    // One that is out of date is of no more use than none, and takes room.
    if (!isKept) this.#remove(homeKey(user));
  }

  /**
   * @param {string} user
   * @returns {import('./model.js').Unsent[]} in the order in which they were written
   */
  readUnsent(user) {
    const found = this.#keys(unsentPrefix(user)).map((key) => this.#read(key));
    const isUnsent = (kept) =>
      [kept?.message_id, kept?.to].every((part) => typeof part === 'string' && part !== '') &&
      typeof kept.text === 'string' &&
      (kept.picture === undefined ? kept.text !== '' : isPicture(kept.picture)) &&
      Number.isSafeInteger(kept.written_ms);
    return found
      .filter(isUnsent)
      .sort((a, b) => a.written_ms - b.written_ms || (a.message_id < b.message_id ? -1 : 1))
      .slice(0, UNSENT_MAX);
  }

  /** @returns {boolean} whether it is kept */
  keepUnsent(user, { message_id, to, text, picture, written_ms, refused }) {
    const kept = JSON.stringify({ message_id, to, text, picture, written_ms, refused });
    return this.#write(unsentPrefix(user) + message_id, kept);
  }

  dropUnsent(user, message_id) {
    this.#remove(unsentPrefix(user) + message_id);
  }

  /** Forgets the home screen, not what waits to be sent. */
  forget(user) {
    this.#remove(homeKey(user));
  }

  #keys(prefix) {
    const all = attempt(() => Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index)));
    return (all ?? []).filter((key) => key?.startsWith(prefix));
  }

  #read(key) {
    return attempt(() => JSON.parse(this.#storage.getItem(key)));
  }

  #write(key, text) {
    return attempt(() => this.#storage.setItem(key, text) ?? true) ?? false;
  }

  #remove(key) {
    attempt(() => this.#storage.removeItem(key));
  }
}

const isReading = (entry) => Array.isArray(entry) && typeof entry[0] === 'string' && Number.isSafeInteger(entry[1]);
const homeKey = (user) => `${PREFIX}${encodeURIComponent(user)}/home`;
const unsentPrefix = (user) => `${PREFIX}${encodeURIComponent(user)}/unsent/`;

/** Storage throws when it is off or full, and what is in it may be anything. */
function attempt(work) {
  try {
    return work();
  } catch {
    return null;
  }
}
