/** Plays the chat service, without sockets: conversations, a log for each user, and pushes to whoever listens. */
export class ChatServer {
  #conversations = new Map();
  #users = new Map();
  #online = new Map();
  #watchers = new Set();
  #nowMs = Date.UTC(2026, 0, 1, 12);

  /** @param {(user: string, push: object) => void} [onPush] */
  constructor(onPush = () => {}) {
    this.onPush = onPush;
  }

  /** Answers a request of a user as the service does. */
  handle(user, request) {
    const answer = this[request.type](user, request);
    return { id: request.id, ...answer };
  }

  login(_, { username }) {
    const user = username.toLowerCase();
    return { type: 'logged_in', user, name: username, cursor: this.#cursor(user), server_ms: this.#nowMs };
  }

  send(user, { to, text, message_id }) {
    const other = to.toLowerCase();
    const { messages } = this.conversation(user, other);
    let message = messages.find((each) => each.message_id === message_id && each.from === user);
    if (message && message.text !== text) return { error: { code: 'conflict', message: 'another text' } };
    if (!message) {
      const [seq, sent_ms] = [messages.length + 1, (this.#nowMs += 1_000)];
      message = { seq, from: user, from_name: user.toUpperCase(), text, message_id, sent_ms };
      messages.push(message);
      for (const [side, withWhom] of new Map([[user, other], [other, user]])) {
        const unread = this.unread(side, withWhom);
        this.#log(side, { type: 'message', with: withWhom, with_name: withWhom.toUpperCase(), message, unread });
      }
    }
    return { type: 'sent', with: other, with_name: other.toUpperCase(), message_id, seq: message.seq, sent_ms: message.sent_ms };
  }

  history(user, { with: asked, before = Infinity, limit = 50 }) {
    const older = this.conversation(user, asked.toLowerCase()).messages.filter(({ seq }) => seq < before);
    return { type: 'history', with: asked.toLowerCase(), messages: older.slice(-limit), more: older.length > limit };
  }

  sync(user, { since, limit = 100 }) {
    const { log, start, epoch } = this.#user(user);
    const [theirs, position] = since.split('-');
    const from = log.findIndex(({ cursor }) => cursor === since) + 1;
    if (theirs !== epoch || (from === 0 && Number(position) !== start)) {
      return { type: 'reset', cursor: this.#cursor(user) };
    }
    const page = log.slice(from, from + limit);
    const changes = page.map(({ prev, cursor, ...change }) => change);
    return { type: 'changes', changes, cursor: page.at(-1)?.cursor ?? since, more: from + limit < log.length };
  }

  home(user, { limit = 50, before, since }) {
    if (since !== undefined) return this.#changed(user, since, limit);
    const all = [...this.#conversations.values()].filter(({ read, messages }) => read.has(user) && messages.length > 0);
    all.sort((a, b) => b.messages.at(-1).sent_ms - a.messages.at(-1).sent_ms);
    const from = Number(before ?? 0);
    const conversations = all.slice(from, from + limit).map(({ read }) => {
      return this.#summary(user, [...read.keys()].find((each) => each !== user) ?? user);
    });
    const more = from + limit < all.length;
    return { type: 'home', conversations, cursor: this.#cursor(user), more, ...(more && { next: `${from + limit}` }) };
  }

  read(user, { with: other, seq }) {
    const { read, messages } = this.conversation(user, other);
    const to = Math.min(seq, messages.length);
    if (to > read.get(user)) {
      read.set(user, to);
      this.#log(user, { type: 'read', with: other, read: to, unread: this.unread(user, other) });
      this.#log(other, { type: 'receipt', with: user, read: to });
    }
    return { type: 'marked', with: other, read: read.get(user) };
  }

  received(user, { with: other, seq }) {
    const { read, received, messages } = this.conversation(user, other);
    const to = Math.min(seq, messages.length);
    if (to > Math.max(read.get(user), received.get(user))) this.#log(other, { type: 'delivered', with: user, delivered: to });
    received.set(user, Math.max(to, received.get(user)));
    return { type: 'ok' };
  }

  watch(user, { users }) {
    const known = users.filter((other) => this.conversation(user, other).messages.length > 0);
    for (const other of known) this.#watchers.add(JSON.stringify([user, other]));
    return { type: 'presence', users: known.map((other) => this.#presence(other)) };
  }

  unwatch(user, { users }) {
    for (const other of users) this.#watchers.delete(JSON.stringify([user, other]));
    return { type: 'ok' };
  }

  /** A user comes or goes. */
  setOnline(user, online) {
    this.#online.set(user, { online, version: (this.#nowMs += 1) });
    for (const pair of this.#watchers) {
      const [watcher, other] = JSON.parse(pair);
      if (other === user) this.onPush(watcher, { type: 'presence', users: [this.#presence(user)] });
    }
  }

  typing(user, { to }) {
    this.onPush(to.toLowerCase(), { type: 'typing', from: user, from_name: user.toUpperCase() });
    return { type: 'ok' };
  }

  gap(user) {
    return { type: 'gap', cursor: this.#cursor(user) };
  }

  /** Drops what is old, as the service does: whoever is behind it gets `reset`. */
  forget(user, kept) {
    const its = this.#user(user);
    for (const { cursor } of its.log.splice(0, Math.max(0, its.log.length - kept))) its.start = Number(cursor.split('-')[1]);
  }

  /** The log begins anew. */
  changeEpoch(user) {
    const its = this.#user(user);
    Object.assign(its, { epoch: `${its.epoch}x`, log: [] });
    its.start = its.position;
  }

  conversation(user, other) {
    const key = JSON.stringify([user, other].sort());
    if (!this.#conversations.has(key)) {
      const none = () => new Map([[user, 0], [other, 0]]);
      this.#conversations.set(key, { messages: [], read: none(), received: none() });
    }
    return this.#conversations.get(key);
  }

  unread(user, other) {
    const { messages, read } = this.conversation(user, other);
    return messages.filter(({ seq, from }) => from !== user && seq > read.get(user)).length;
  }

  /** All that changed since a cursor, the earliest first; `limit` of them. */
  #changed(user, since, limit) {
    const [epoch, position] = since.split('-');
    if (epoch !== this.#user(user).epoch) return { ...this.home(user, { limit }), reset: true };
    const places = [...this.#user(user).changed].filter(([, place]) => place > Number(position));
    places.sort(([, a], [, b]) => a - b);
    const conversations = places.slice(0, limit).map(([other]) => this.#summary(user, other));
    const more = places.length > limit;
    return { type: 'home', conversations, cursor: more ? `${epoch}-${places[limit - 1][1]}` : this.#cursor(user), more };
  }

  #summary(user, other) {
    const { messages, read, received } = this.conversation(user, other);
    const [last, unread] = [messages.at(-1), this.unread(user, other)];
    const [receipt, delivered] = [read.get(other), Math.max(read.get(other), received.get(other))];
    return { with: other, with_name: other.toUpperCase(), last, unread, read: read.get(user), receipt, delivered };
  }

  #user(user) {
    if (!this.#users.has(user)) this.#users.set(user, { epoch: 'e', start: 1000, position: 1000, log: [], changed: new Map() });
    return this.#users.get(user);
  }

  #presence(user) {
    return { user, ...(this.#online.get(user) ?? { online: false, version: 0 }) };
  }

  #cursor(user) {
    const { epoch, position } = this.#user(user);
    return `${epoch}-${position}`;
  }

  #log(user, change) {
    const its = this.#user(user);
    const prev = this.#cursor(user);
    its.position += 7;
    const entry = { ...change, prev, cursor: this.#cursor(user) };
    its.log.push(entry);
    its.changed.set(change.with, its.position);
    this.onPush(user, entry);
  }
}
