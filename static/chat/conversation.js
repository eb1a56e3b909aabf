/**
 * @typedef {{seq: number, from: string, from_name: string, text: string, message_id: string, sent_ms: number}} Message
 */

/** Messages that a conversation keeps in memory while it is not shown: the newest ones. */
export const MESSAGES_KEPT_MAX = 200;

/**
 * What this page has of one conversation: a part of its messages without holes that ends with the newest known one, and how
 * far both sides have read. Messages may come in any order, and more than once.
 */
export class Conversation {
  /** @type {Message[]} in order, each `seq` one more than the one before */ messages = [];
  /** Messages of the other side that this user has not read. */ unread = 0;
  /** Up to which message this user has read, */
  read = 0;
  /** and up to which the other side has. */
  receipt = 0;
  /** Up to which message some device of the other side has received. */
  delivered = 0;
  /** Up to which message this page has told that it received. */
  received = 0;
  /** Whether these are known: they are of a conversation that was seen from its beginning or on a home screen. */
  isSure = false;

  /**
   * @param {string} id the other's name, as names are compared
   * @param {string} name the same as it is shown
   */
  constructor(id, name) {
    this.id = id;
    this.name = name;
  }

  /** @returns {Message | undefined} */
  get last() {
    return this.messages.at(-1);
  }

  get firstSeq() {
    return this.messages[0]?.seq ?? 0;
  }

  get lastSeq() {
    return this.last?.seq ?? 0;
  }

  /** Whether nothing is before what is here. */
  get isWhole() {
    return this.firstSeq <= 1;
  }

  /**
   * Takes one message. Behind a hole it begins a new part: what is before can be asked for.
   * @param {Message} message
   * @returns {boolean} whether it is news
   */
  add(message) {
    const { seq } = message;
    this.isSure ||= seq === 1;
    if (seq <= this.lastSeq) return false;
    if (this.messages.length > 0 && seq !== this.lastSeq + 1) this.messages = [];
    this.messages.push(message);
    return true;
  }

  /**
   * Takes a page of history. What does not touch the part that is here is older than a hole, and left out.
   * @param {Message[]} page in order, without holes
   */
  addPage(page) {
    if (page.length === 0) return;
    if (page.at(-1).seq >= this.firstSeq - 1) {
      this.messages = [...page.filter(({ seq }) => seq < this.firstSeq), ...this.messages];
    }
    for (const message of page) this.add(message);
  }

  /** Takes what a home screen says; it may be older than what is here. */
  addSummary({ with_name, last, unread, read, receipt, delivered = receipt, received = 0 }) {
    this.isSure = true;
    const isNews = last.seq > this.lastSeq || (last.seq === this.lastSeq && read >= this.read);
    if (isNews) [this.unread, this.name] = [unread, with_name];
    this.read = Math.max(this.read, read);
    this.receipt = Math.max(this.receipt, receipt);
    this.delivered = Math.max(this.delivered, delivered);
    this.received = Math.max(this.received, received);
    this.add(last);
  }

  /** Gives up old messages. */
  trim() {
    if (this.messages.length > MESSAGES_KEPT_MAX) this.messages = this.messages.slice(-MESSAGES_KEPT_MAX);
  }

  /** Whether the other side is to be told that messages are here: of those that were read it is told that. */
  get isReceiptDue() {
    return this.unread > 0 && this.lastSeq > Math.max(this.read, this.received);
  }

  /** The same as a home screen says it. */
  get summary() {
    const { id, name, last, unread, read, receipt, delivered, received } = this;
    return { with: id, with_name: name, last, unread, read, receipt, delivered, received };
  }
}
