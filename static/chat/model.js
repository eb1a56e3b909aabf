/**
 * What one user's page knows of the chat: conversations, what waits to be sent, and how far the log of changes was followed.
 * It does no I/O: it is told what came, and tells what to ask for.
 *
 * The rule of cursors: a push whose `prev` is the cursor is applied, one that is not behind it is dropped, and any other one
 * says that something was missed: `isBehind` holds until answers to what `startCatchingUp` asks for bring what came since.
 */
import { Conversation } from './conversation.js';
import { isReached } from './cursor.js';

/** Messages of a user that may wait at once: what is kept of them has to fit a browser's storage. */
export const UNSENT_MAX = 200;

/**
 * @typedef {object} Unsent a message on its way
 * @property {string} message_id
 * @property {string} to as it was typed, or as names are compared
 * @property {string} text
 * @property {import('./picture.js').Picture} [picture]
 * @property {number} written_ms
 * @property {number} [seq] its number, once it is stored; it stays until it has its place in the conversation
 * @property {{code: string, message: string}} [refused] why the server will never take it
 */

export class ChatModel {
  /** Up to where the log was followed; null before the first home screen. @type {string | null} */ cursor = null;
  /** By the other's name. @type {Map<string, Conversation>} */ conversations = new Map();
  /** What to ask for to get older conversations; null if all are here. @type {string | null} */ next = null;
  /** In the order in which they were written. @type {Unsent[]} */ unsent = [];
  /**
   * Since when conversations have changed that are further down on the home screen than it was read: how far they were read
   * is to be asked for with `home`. Null: all is known. @type {string | null}
   */
  unsureSince = null;
  /** Who is online, as far as it is known. @type {Map<string, {online: boolean, version: number}>} */ #presence = new Map();
  /** The furthest place that was heard of since it was last asked what was missed. */ #ahead = null;
  /** How names that were typed are compared, as the server told. */ #folded = new Map();

  /** @param {string} user whose page it is, as names are compared */
  constructor(user) {
    this.user = user;
  }

  /** Whether it is known that something was missed. */
  get isBehind() {
    return this.unsureSince !== null || (this.#ahead !== null && !isReached(this.#ahead, this.cursor));
  }

  /** @returns {Conversation[]} those with a message, or one that is on its way; the newest first */
  get home() {
    const newest = new Map();
    for (const { id, last } of this.conversations.values()) if (last) newest.set(id, last.sent_ms);
    for (const { to, written_ms } of this.unsent) {
      const id = this.idOf(to);
      newest.set(id, Math.max(written_ms, newest.get(id) ?? 0));
    }
    const ids = [...newest.keys()].sort((a, b) => newest.get(b) - newest.get(a));
    return ids.map((id) => this.conversations.get(id)).filter(Boolean);
  }

  get unread() {
    let sum = 0;
    for (const { unread } of this.conversations.values()) sum += unread;
    return sum;
  }

  /**
   * Takes a push that has a place in the log.
   * @returns {'applied' | 'dropped' | 'missed'}
   */
  push(change) {
    if (isReached(change.cursor, this.cursor)) return 'dropped';
    if (change.prev !== this.cursor) {
      this.#isAhead(change.cursor);
      return 'missed';
    }
    this.#apply(change);
    this.cursor = change.cursor;
    return 'applied';
  }

  /**
   * What to ask for to learn what was missed. The answer has all that was heard of until now.
   * @returns {object} a request
   */
  startCatchingUp() {
    if (this.cursor === null) return { type: 'home' };
    if (this.unsureSince !== null) return { type: 'home', since: this.unsureSince };
    this.#ahead = null;
    return { type: 'sync', since: this.cursor };
  }

  /**
   * Takes the answer to that.
   * @returns {boolean} whether there is more to ask for
   */
  catchUp(request, answer) {
    if (answer.type === 'reset') this.cursor = this.unsureSince = null;
    else if (answer.type === 'changes') this.#sync(answer);
    else if (request.since === undefined || answer.reset) this.reset(answer);
    else this.#learnSummaries(answer);
    return answer.type === 'reset' || (answer.type === 'changes' && answer.more);
  }

  /** Takes the notice that pushes may have been missed. */
  gap(cursor) {
    if (!isReached(cursor, this.cursor)) this.#isAhead(cursor);
  }

  /** Takes the first page of the home screen in place of all that is here. */
  reset({ conversations, cursor, next = null }) {
    this.conversations = new Map();
    this.cursor = cursor;
    this.unsureSince = null;
    this.addOlder({ conversations, next });
    for (const { to } of this.unsent) this.#conversation(this.idOf(to), to);
  }

  /** Takes a later page of the home screen. */
  addOlder({ conversations, next = null }) {
    this.#addSummaries(conversations);
    this.next = next;
  }

  /** Takes a page of history. `asked`: the name under which it was asked for. */
  addHistory(asked, { with: id, messages }) {
    this.learn(asked, id);
    this.#conversation(id, asked).addPage(messages);
    this.#settle();
  }

  /** Learns how a name that was typed is compared. */
  learn(typed, id) {
    this.#folded.set(typed, id);
  }

  /** How a name is compared: as the server said, or as well as one can tell without it. */
  idOf(typed) {
    return this.#folded.get(typed) ?? (this.conversations.has(typed) ? typed : foldName(typed));
  }

  /** @returns {Conversation | undefined} */
  find(typed) {
    return this.conversations.get(this.idOf(typed));
  }

  /** This user has read up to a message. */
  markRead(id, seq) {
    const conversation = this.conversations.get(id);
    if (!conversation || seq <= conversation.read) return;
    conversation.read = seq;
    if (seq >= conversation.lastSeq) conversation.unread = 0;
  }

  /** Conversations of which the other side is to be told that their messages are here. */
  get unreceived() {
    return [...this.conversations.values()].filter(({ isReceiptDue }) => isReceiptDue);
  }

  /** Learns who is online and who is not. Of two that are told of one user the newer one counts. */
  learnPresence(users) {
    for (const { user, online, version } of users) {
      if (version >= (this.#presence.get(user)?.version ?? 0)) this.#presence.set(user, { online, version });
    }
  }

  /** Without a connection, and of whom nobody tells, nothing is known. */
  forgetPresence(users = [...this.#presence.keys()]) {
    for (const user of users) this.#presence.delete(user);
  }

  /** @returns {boolean | undefined} whether a user is online, if that is known */
  isOnline(id) {
    return this.#presence.get(id)?.online;
  }

  /** @param {Unsent} unsent */
  write(unsent) {
    this.unsent.push(unsent);
    this.#conversation(this.idOf(unsent.to), unsent.to);
  }

  /** What to send now: the oldest that still waits. */
  get nextUnsent() {
    return this.unsent.find(({ seq, refused }) => !seq && !refused);
  }

  /** What is on its way in a conversation. */
  unsentTo(id) {
    return this.unsent.filter(({ to }) => this.idOf(to) === id);
  }

  /** Takes the answer to a `send`: it is stored. */
  sent({ with: id, with_name, message_id, seq, sent_ms }, from_name) {
    const unsent = this.unsent.find((each) => each.message_id === message_id);
    if (!unsent) return;
    this.learn(unsent.to, id);
    unsent.seq = seq;
    const conversation = this.#conversation(id, with_name);
    conversation.name = with_name;
    // Behind a hole it waits for the push, which closes it.
    if (seq === conversation.lastSeq + 1) {
      const { text, picture } = unsent;
      conversation.add({ seq, from: this.user, from_name, text, ...(picture && { picture }), message_id, sent_ms });
    }
    if (!conversation.isSure) this.unsureSince ??= this.cursor;
    this.#settle();
  }

  /** The server will never take it. */
  refuse(message_id, { code, message }) {
    const unsent = this.unsent.find((each) => each.message_id === message_id);
    if (unsent) unsent.refused = { code, message };
  }

  /** Takes back what was not sent. */
  discard(message_id) {
    this.unsent = this.unsent.filter((each) => each.message_id !== message_id);
  }

  /** A page that pushes have overtaken is dropped: it would set counts back. */
  #sync({ changes, cursor }) {
    if (isReached(cursor, this.cursor)) return;
    for (const change of changes) this.#apply(change);
    this.cursor = cursor;
  }

  #learnSummaries({ conversations, cursor, more }) {
    this.#addSummaries(conversations);
    this.unsureSince = more ? cursor : null;
  }

  #addSummaries(conversations) {
    for (const summary of conversations) this.#conversation(summary.with, summary.with_name).addSummary(summary);
    this.#settle();
  }

  #isAhead(cursor) {
    if (this.#ahead === null || !isReached(cursor, this.#ahead)) this.#ahead = cursor;
  }

  #apply(change) {
    const conversation = this.#conversation(change.with, change.with_name ?? change.with);
    if (change.type === 'message') {
      if (change.message.seq >= conversation.lastSeq) conversation.name = change.with_name;
      conversation.add(change.message);
      this.#settle();
    }
    if (!conversation.isSure) this.unsureSince ??= this.cursor;
    if (change.type === 'read') conversation.read = Math.max(conversation.read, change.read);
    if (change.type === 'receipt') conversation.receipt = Math.max(conversation.receipt, change.read);
    // What was read was received.
    const delivered = { receipt: change.read, delivered: change.delivered }[change.type] ?? 0;
    conversation.delivered = Math.max(conversation.delivered, delivered);
    if (change.unread !== undefined) conversation.unread = change.unread;
  }

  /** What has its place in a conversation is not on its way any more. */
  #settle() {
    this.unsent = this.unsent.filter(({ to, seq, message_id }) => {
      const conversation = this.find(to);
      if (!conversation) return true;
      if (seq) return seq > conversation.lastSeq;
      return !conversation.messages.some((message) => message.message_id === message_id && message.from === this.user);
    });
  }

  #conversation(id, name) {
    let conversation = this.conversations.get(id);
    if (!conversation) this.conversations.set(id, (conversation = new Conversation(id, name)));
    return conversation;
  }
}

/** Close to how the server compares names; it tells those that it sees otherwise. */
export function foldName(name) {
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}
