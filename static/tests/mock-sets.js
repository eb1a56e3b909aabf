/**
 * Stands in for the sets service and the network before it, as the protocol describes them. Nothing moves by itself: each
 * call of `step` lets one message go one step, so that a test decides what happens in which order.
 */
import { compareOperations, LwwSet } from '../sets/lww-set.js';

const AHEAD_MS_MAX = 60_000;

export class MockSets {
  /** The service's clock. */ nowMs;
  /** Operations in one answer to `watch`. */ pageMax;
  /** All connections that were ever asked for. @type {MockSocket[]} */ sockets = [];
  /** Each operation that was ever applied. */ applied = [];
  /** When true, pushes reach nobody; `gap` must follow. */ deaf = false;
  /** Codes of errors that the next requests are answered with; `outcome_unknown` is handled all the same. */ errors =
    [];
  #sets = new Map();

  constructor({ nowMs = () => Date.now(), pageMax = 3 } = {}) {
    this.nowMs = nowMs;
    this.pageMax = pageMax;
  }

  /** To be used as WebSocket. */
  get WebSocket() {
    const service = this;
    return class extends MockSocket {
      constructor(url) {
        super(url, service);
      }
    };
  }

  create(id, name = '') {
    this.#sets.set(id, { id, name, epoch: 'e-1', position: 1, kept: new LwwSet(), log: [], floorMs: 0 });
  }

  delete(id) {
    this.#sets.delete(id);
    this.#publish(id, { type: 'deleted', set: id });
  }

  cursor(id) {
    const { epoch, position } = this.#sets.get(id);
    return `${epoch}-${position}`;
  }

  kept(id) {
    return this.#sets.get(id).kept;
  }

  /** What `GET /sets/{id}/digest` answers. */
  async digest(id) {
    return { cursor: this.cursor(id), count: this.kept(id).size, digest: await this.kept(id).digest() };
  }

  /** Forgets the log but for the last entries. */
  trim(id, entries) {
    const set = this.#sets.get(id);
    set.log = set.log.slice(set.log.length - entries);
  }

  /** Forgets tombstones older than this, and the log with them. */
  collect(id, boundMs) {
    const set = this.#sets.get(id);
    set.floorMs = Math.max(set.floorMs, boundMs);
    const operations = [...set.kept.operations()];
    set.kept = new LwwSet(operations.filter(({ op, stamp }) => op === 'add' || stamp[0] > boundMs));
    this.trim(id, 0);
  }

  backup(id) {
    const { position, kept, log, floorMs } = this.#sets.get(id);
    return { position, log: [...log], floorMs, operations: [...kept.operations()] };
  }

  /** Takes back what was saved. Positions go on where the clock is, so none is given out twice. */
  restore(id, { operations, log, ...saved }) {
    const set = this.#sets.get(id);
    const neverBelow = Math.max(set.position, set.neverBelow ?? 0);
    Object.assign(set, saved, { log: [...log], kept: new LwwSet(operations), neverBelow });
    this.gap();
  }

  /** Tells that pushes may have been missed. */
  gap() {
    this.deaf = false;
    for (const id of this.#sets.keys()) this.#publish(id, this.#snapshot(id, 'reset'));
  }

  /** Applies as some other client would. */
  apply(id, operations) {
    const set = this.#sets.get(id);
    const applied = [];
    const outcomes = operations.map((operation) => {
      const outcome = this.#applyOne(set, operation);
      if (outcome.outcome === 'applied') applied.push({ ...operation, stamp: outcome.stamp });
      return outcome;
    });
    if (applied.length > 0) {
      const prev = this.cursor(id);
      set.position = Math.max(set.position, set.neverBelow ?? 0) + 1;
      set.log.push({ prev, position: set.position, operations: applied });
      this.applied.push(...applied);
      const push = { type: 'delta', set: id, prev, cursor: this.cursor(id), operations: applied };
      this.#publish(id, { ...push, server_ms: this.nowMs() });
    }
    return outcomes;
  }

  #applyOne(set, { op, value, stamp }) {
    const nowMs = this.nowMs();
    const kept = set.kept.kept(value);
    stamp ??= [Math.max(nowMs, (kept?.stamp[0] ?? -1) + 1), 'server'];
    if (stamp[0] > nowMs + AHEAD_MS_MAX)
      return { outcome: 'clock_ahead', server_ms: nowMs, ahead_ms_max: AHEAD_MS_MAX };
    if (!kept && stamp[0] <= set.floorMs) return { outcome: 'too_old', floor_ms: set.floorMs };
    if (kept && compareOperations({ op, stamp }, kept) < 0) return { outcome: 'superseded', ...kept };
    return set.kept.apply({ op, value, stamp });
  }

  #snapshot(id, type) {
    const { name } = this.#sets.get(id);
    const operations = [...this.kept(id).operations()].map(({ op, value, stamp }) => [op, { value, stamp }]);
    const those = (wanted) => operations.filter(([op]) => op === wanted).map(([, element]) => element);
    const lists = { elements: those('add'), removed: those('remove') };
    return { type, set: id, name, cursor: this.cursor(id), server_ms: this.nowMs(), ...lists };
  }

  #publish(id, message) {
    if (this.deaf) return;
    for (const socket of this.sockets) if (socket.joined.has(id)) socket.pushes.push(message);
  }

  /** Handles one request of a connection. */
  handle(socket, { type, set: id, id: request, cursor, operations }) {
    const answer = (message) => socket.answers.push({ ...message, id: request });
    const fail = (code) => answer({ error: { code, message: `it is ${code}` } });
    const error = this.errors.shift();
    if (error && error !== 'outcome_unknown') return fail(error);
    if (type === undefined) return fail('bad_request');
    if (!this.#sets.has(id)) return fail('not_found');
    if (type === 'watch') {
      socket.joined.add(id);
      if (error) return fail(error);
      // The answer is made when the connection has joined: later requests may be handled before.
      socket.joining.push(() => (this.#sets.has(id) ? answer(this.#watched(id, cursor)) : fail('not_found')));
    } else {
      const outcomes = this.apply(id, operations);
      if (error) return fail(error);
      answer({ type: 'outcomes', set: id, outcomes, cursor: this.cursor(id), server_ms: this.nowMs() });
    }
  }

  #watched(id, cursor) {
    const { log } = this.#sets.get(id);
    if (cursor === undefined) return this.#snapshot(id, 'snapshot');
    const now = this.cursor(id);
    const next = log.findIndex(({ prev }) => prev === cursor);
    if (cursor === now) return { type: 'delta', set: id, cursor, operations: [], more: false };
    if (next < 0) return this.#snapshot(id, 'reset');
    let end = next + 1;
    const count = () => log.slice(next, end + 1).flatMap(({ operations }) => operations).length;
    while (end < log.length && count() <= this.pageMax) end++;
    const page = log.slice(next, end);
    const to = `${this.#sets.get(id).epoch}-${page.at(-1).position}`;
    const operations = page.flatMap((entry) => entry.operations);
    return { type: 'delta', set: id, cursor: to, operations, more: end < log.length };
  }

  /** Lets one message go one step, on a connection of the test's choice. @returns {boolean} whether there was any */
  step(random) {
    const ready = this.sockets.filter((socket) => socket.ready().length > 0);
    if (ready.length === 0) return false;
    const socket = ready[random(ready.length)];
    const steps = socket.ready();
    steps[random(steps.length)]();
    return true;
  }
}

/** A connection: what is on its way in each direction, in order; answers and pushes overtake each other. */
export class MockSocket {
  joined = new Set();
  joining = [];
  answers = [];
  pushes = [];
  #requests = [];
  #state = 'connecting';
  #service;

  constructor(url, service) {
    this.url = url;
    this.#service = service;
    service.sockets.push(this);
  }

  send(text) {
    this.#requests.push(JSON.parse(text));
  }

  close() {
    this.#end();
  }

  /** The connection breaks; what was on its way is lost. */
  break() {
    if (this.#state === 'closed') return;
    this.#end();
    this.onclose({ code: 1006, reason: '' });
  }

  #end() {
    this.#state = 'closed';
    this.joined.clear();
    this.joining = this.answers = this.pushes = this.#requests = [];
  }

  /** What can happen next, each as a function. */
  ready() {
    if (this.#state === 'closed') return [];
    if (this.#state === 'connecting') return [() => ((this.#state = 'open'), this.onopen({}))];
    const deliver = (queue) => () => this.onmessage({ data: JSON.stringify(queue.shift()) });
    return [
      this.#requests.length > 0 && (() => this.#service.handle(this, this.#requests.shift())),
      this.joining.length > 0 && (() => this.joining.shift()()),
      this.answers.length > 0 && deliver(this.answers),
      this.pushes.length > 0 && deliver(this.pushes),
    ].filter(Boolean);
  }
}
