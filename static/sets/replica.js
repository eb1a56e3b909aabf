/**
 * One replica of a set, which works without a connection: what the server confirmed, and on top of it the own operations
 * that wait until the server has them. It needs no page and no socket; `replica-sync.js` connects it.
 *
 * - Of the own operations on one value only the last waits: it is greater than those before, so it alone decides.
 * - An operation is greater than all that its user could see: its stamp is the server's time, as far as known, but at
 *   least one millisecond above the stamp of what the value had.
 * - What the server confirmed is exactly what it had at the cursor. So an own operation that was applied stays on top until
 *   the change that has it arrives.
 * - Waiting operations keep their stamps, so sending one again does no harm. Only what the server refused because its
 *   stamp is in the future gets another: when it was made, on the corrected clock, but never before what its user saw.
 * - Whatever the server did not apply becomes a notice, which stays until it is dismissed.
 *
 * Events: `change`, with a {@link Change} as `detail`.
 *
 * @typedef {import('./lww-set.js').Operation} Operation
 * @typedef {object} Waiting an operation that is not confirmed
 * @property {'add' | 'remove'} op
 * @property {string} value
 * @property {import('./lww-set.js').Stamp} stamp
 * @property {number} madeMs when it was made, on this device's clock
 * @property {number} seenMs of the server's stamps of this value that it has to be above, the greatest; 0 if none
 * @property {string} [appliedAt] a cursor that has it: the server took it, but the change has not come yet
 * @typedef {object} Change
 * @property {{value: string, has: boolean, by: string}[]} values that came or went, with the replica that did it
 * @property {boolean} own made here: worth being kept at once
 * @property {boolean} isAll the whole set came anew; of a first one the values are not listed
 * @typedef {{kind: 'superseded' | 'too_old' | 'refused', op: 'add' | 'remove', value: string, atMs: number,
 *   winner?: {op: 'add' | 'remove', stamp: import('./lww-set.js').Stamp}, message?: string}
 *   | {kind: 'restamped', count: number, atMs: number}} Notice
 */
import { compareOperations, isValue, LwwSet, utf8Length } from './lww-set.js';
import { ServerClock } from './server-clock.js';

/** Operations that may wait for the server. At the bound, further values are not changed until some were sent. */
export const WAITING_MAX = 10_000;

/** Notices that are kept; of earlier ones only the number. */
export const NOTICES_MAX = 100;

/** Operations in one request: the server's bound. */
export const OPERATIONS_MAX = 1_000;

/** Bytes of operations in one request: the server takes messages of 65,536, and the rest of the message is small. */
export const OPERATIONS_BYTES_MAX = 60 * 1_024;

export class Replica extends EventTarget {
  /** The set's id. @type {string} */ set;
  /** What this replica's stamps are signed with. @type {string} */ name;
  /** What people call the set; empty if unnamed or not known yet. */ title = '';
  /** The server's position that `#confirmed` is at; null before the first snapshot. @type {string | null} */ cursor =
    null;
  /** Whether its user wants it to work without the server. */ offline = false;
  /** @type {Notice[]} */ notices = [];
  noticesDropped = 0;
  clock;
  #confirmed = new LwwSet();
  /** The last own operation on each value that is not confirmed, oldest first. @type {Map<string, Waiting>} */
  #waiting = new Map();
  #size = 0;

  /**
   * @param {object} options
   * @param {string} options.set
   * @param {string} options.name
   * @param {() => number} [options.local] the device's clock
   */
  constructor({ set, name, local }) {
    super();
    this.set = set;
    this.name = name;
    this.clock = new ServerClock({ local });
  }

  /** How many values it shows. */
  get size() {
    return this.#size;
  }

  /** Operations that the server may not have. @returns {Waiting[]} oldest first */
  get waiting() {
    return [...this.#waiting.values()].filter(({ appliedAt }) => appliedAt === undefined);
  }

  /** Whether an operation on this value waits for the server. */
  isWaiting(value) {
    const own = this.#waiting.get(value);
    return own !== undefined && own.appliedAt === undefined;
  }

  /** Whether all that it shows is confirmed. */
  get isConfirmed() {
    return this.#waiting.size === 0;
  }

  /** The operation that decides about a value here: the greater one of the confirmed and the own. */
  get(value) {
    const kept = this.#confirmed.kept(value);
    const own = this.#waiting.get(value);
    return own && !(kept && compareOperations(kept, own) > 0) ? own : kept;
  }

  has(value) {
    return this.get(value)?.op === 'add';
  }

  /** What is in the set as seen from here, in no order. @returns {Iterable<string>} */
  *values() {
    for (const value of this.#confirmed.values()) if (this.has(value)) yield value;
    for (const value of this.#waiting.keys()) if (this.has(value) && !this.#confirmed.contains(value)) yield value;
  }

  /** How many values the server confirmed something of, removals too. */
  get confirmedCount() {
    return this.#confirmed.keptCount;
  }

  /** How many values the server confirmed as being in the set. */
  get confirmedSize() {
    return this.#confirmed.size;
  }

  /** The digest of what the server confirmed. */
  digest() {
    return this.#confirmed.digest();
  }

  /** @returns {'done' | 'unchanged' | 'invalid' | 'full'} `full`: too many operations wait already */
  add(value) {
    return this.#make('add', value);
  }

  /** @returns {'done' | 'unchanged' | 'invalid' | 'full'} */
  remove(value) {
    return this.#make('remove', value);
  }

  #make(op, value) {
    if (!isValue(value)) return 'invalid';
    const current = this.get(value);
    if ((current?.op === 'add') === (op === 'add')) return 'unchanged';
    if (!this.#waiting.has(value) && this.#waiting.size >= WAITING_MAX) return 'full';
    const ms = Math.max(this.clock.nowMs(), (current?.stamp[0] ?? -1) + 1);
    const applied = this.isWaiting(value) ? undefined : this.#waiting.get(value);
    const seenMs = (applied ?? this.#confirmed.kept(value))?.stamp[0] ?? 0;
    this.#changing([value], true, () => {
      this.#waiting.delete(value); // the newest stands last
      this.#waiting.set(value, { op, value, stamp: [ms, this.name], madeMs: this.clock.localMs(), seenMs });
    });
    return 'done';
  }

  /**
   * Takes over operations that another replica left behind. They keep their stamps, so nothing happens twice.
   * @param {Waiting[]} operations
   * @returns {boolean} false if they are too many, and nothing was taken
   */
  adopt(operations) {
    if (this.#waiting.size + operations.length > WAITING_MAX) return false;
    this.#changing(valuesOf(operations), true, () => {
      for (const operation of operations) {
        const own = this.#waiting.get(operation.value);
        if (!own || compareOperations(operation, own) > 0) this.#waiting.set(operation.value, operation);
      }
    });
    return true;
  }

  /** What to send next: the longest waiting, up to the bounds of a request. @returns {Waiting[]} */
  batch(operationsMax = OPERATIONS_MAX) {
    const batch = [];
    let bytes = 0;
    for (const operation of this.waiting) {
      bytes += utf8Length(JSON.stringify(onTheWire(operation))) + 1;
      if (batch.length === operationsMax || (batch.length > 0 && bytes > OPERATIONS_BYTES_MAX)) break;
      batch.push(operation);
    }
    return batch;
  }

  /**
   * Takes the server's outcomes.
   * @param {Waiting[]} batch what was sent
   * @param {{cursor: string, outcomes: {outcome: string, [member: string]: any}[]}} answer
   */
  settle(batch, { cursor, outcomes }) {
    const ahead = outcomes.find(({ outcome }) => outcome === 'clock_ahead');
    this.#changing(valuesOf(ahead ? [...batch, ...this.#waiting.values()] : batch), false, () => {
      batch.forEach((operation, i) => this.#settleOne(operation, outcomes[i], cursor));
      if (ahead) this.#stampAgain(ahead);
    });
  }

  #settleOne(operation, { outcome, op: winner, stamp, message = outcome }, cursor) {
    const { op, value } = operation;
    if (outcome === 'clock_ahead') return;
    const own = this.#waiting.get(value);
    const isLast = own === operation; // no later one on this value was made since
    if (outcome === 'applied' || outcome === 'duplicate') {
      if (!isLast) own.seenMs = Math.max(own.seenMs, stamp[0]);
      else if (isNotAfter(cursor, this.cursor)) this.#waiting.delete(value);
      else this.#waiting.set(value, { ...operation, appliedAt: cursor });
      return;
    }
    if (isLast) this.#waiting.delete(value);
    if (outcome === 'superseded') this.#note({ kind: 'superseded', op, value, winner: { op: winner, stamp } });
    else if (outcome === 'too_old') this.#note({ kind: 'too_old', op, value });
    else this.#note({ kind: 'refused', op, value, message });
  }

  /** The server will not take an operation, whatever is done. */
  refuse(operation, message) {
    this.settle([operation], { cursor: this.cursor, outcomes: [{ outcome: 'refused', message }] });
  }

  /** Nothing that waits may stay where the server refuses it as being in the future. */
  #stampAgain({ server_ms: serverMs, ahead_ms_max: aheadMsMax }) {
    let count = 0;
    for (const operation of this.waiting) {
      const { value, stamp, madeMs, seenMs } = operation;
      if (stamp[0] <= serverMs + aheadMsMax) continue;
      const kept = this.#confirmed.kept(value)?.stamp;
      const floorMs = kept?.[1] === stamp[1] ? Math.max(seenMs, kept[0]) : seenMs;
      const ms = Math.max(Math.min(madeMs + this.clock.offsetMs, serverMs), floorMs + 1);
      this.#waiting.set(value, { ...operation, stamp: [ms, stamp[1]] });
      count++;
    }
    if (count > 0) this.#note({ kind: 'restamped', count });
  }

  /**
   * Takes the whole set as the server has it, in place of all that came from there before.
   * @param {{name?: string, cursor: string, elements: {value: string, stamp: any}[], removed?: {value: string, stamp: any}[]}} snapshot
   */
  replace({ name, cursor, elements, removed = [] }) {
    const isFirst = this.cursor === null;
    const before = new Map([...this.values()].map((value) => [value, this.get(value).stamp[1]]));
    this.title = name ?? this.title;
    this.cursor = cursor;
    this.#confirmed = new LwwSet();
    for (const { value, stamp } of elements) this.#confirmed.add(value, stamp);
    for (const { value, stamp } of removed) this.#confirmed.remove(value, stamp);
    this.#dropConfirmed();
    this.#size = 0;
    const values = [];
    for (const value of this.values()) {
      this.#size++;
      if (!before.delete(value)) values.push({ value, has: true, by: this.get(value).stamp[1] });
    }
    for (const [value, by] of before) values.push({ value, has: false, by: this.get(value)?.stamp[1] ?? by });
    this.#tell({ values: isFirst ? [] : values, isAll: true });
  }

  /**
   * Takes the changes after `prev`, or, without it, after this replica's cursor.
   * @param {{prev?: string, cursor: string, operations: Operation[]}} delta
   * @returns {'taken' | 'known' | 'hole'} `hole`: something between the cursor and this is missing; nothing was taken
   */
  take({ prev, cursor, operations }) {
    if (prev !== undefined) {
      if (isNotAfter(cursor, this.cursor)) return 'known';
      if (prev !== this.cursor) return 'hole';
    }
    this.#changing(valuesOf(operations), false, () => {
      for (const operation of operations) this.#confirmed.apply(operation);
      this.cursor = cursor;
      this.#dropConfirmed();
    });
    return 'taken';
  }

  /** What was applied at this cursor or before has come with it, or the server lost it, and then it waits again. */
  #dropConfirmed() {
    for (const operation of this.#waiting.values()) {
      const { op, value, appliedAt } = operation;
      if (appliedAt === undefined || !isNotAfter(appliedAt, this.cursor)) continue;
      const kept = this.#confirmed.kept(value);
      if (kept ? compareOperations(kept, operation) >= 0 : op === 'remove') this.#waiting.delete(value);
      else this.#waitAgain(operation);
    }
  }

  /**
   * The replica is where the server is. What was applied and is not in here waits again: either it was applied just after
   * this cursor, then sending it again does no harm, or the server lost it.
   */
  caughtUp() {
    for (const operation of this.#waiting.values()) if (operation.appliedAt !== undefined) this.#waitAgain(operation);
  }

  #waitAgain({ appliedAt: _, ...operation }) {
    this.#waiting.set(operation.value, operation);
  }

  setOffline(offline) {
    this.offline = offline;
    this.#tell({ own: true });
  }

  /** @param {Notice} [notice] all, if none is named */
  dismiss(notice) {
    this.notices = notice ? this.notices.filter((other) => other !== notice) : [];
    if (!notice) this.noticesDropped = 0;
    this.#tell({ own: true });
  }

  /** What has to outlive the page: small, and worth being kept at once. */
  own() {
    const { name, offline, notices, noticesDropped } = this;
    return {
      name,
      offline,
      offsetMs: this.clock.offsetMs,
      waiting: [...this.#waiting.values()],
      notices,
      noticesDropped,
    };
  }

  /** The confirmed part: large, and to be had again from the server. */
  copy() {
    const list = { add: [], remove: [] };
    for (const { op, value, stamp } of this.#confirmed.operations()) list[op].push({ value, stamp });
    return { name: this.title, cursor: this.cursor, elements: list.add, removed: list.remove };
  }

  /**
   * Takes back what was kept.
   * @param {ReturnType<Replica['own']> | null} own
   * @param {ReturnType<Replica['copy']> | null} copy
   */
  restore(own, copy) {
    if (own) {
      const { name, offline, notices, noticesDropped } = own;
      Object.assign(this, { name, offline, notices, noticesDropped });
      this.clock.offsetMs = own.offsetMs;
      this.#waiting = new Map(own.waiting.map((operation) => [operation.value, operation]));
    }
    this.replace(copy ?? { cursor: null, elements: [] });
  }

  #note(notice) {
    this.notices = [...this.notices, { ...notice, atMs: this.clock.localMs() }];
    const extra = this.notices.length - NOTICES_MAX;
    if (extra <= 0) return;
    this.notices = this.notices.slice(extra);
    this.noticesDropped += extra;
  }

  /** Does work that may change what these values are seen as, and tells what it did. */
  #changing(values, own, work) {
    const before = new Map(values.map((value) => [value, this.has(value)]));
    work();
    const changed = [];
    for (const [value, had] of before) {
      const now = this.get(value);
      const has = now?.op === 'add';
      if (has === had) continue;
      this.#size += has ? 1 : -1;
      changed.push({ value, has, by: now?.stamp[1] ?? this.name });
    }
    this.#tell({ values: changed, own });
  }

  #tell({ values = [], own = false, isAll = false }) {
    this.dispatchEvent(new CustomEvent('change', { detail: { values, own, isAll } }));
  }
}

function valuesOf(operations) {
  return operations.map(({ value }) => value);
}

/** An operation as the server reads it. @param {Operation} operation */
export function onTheWire({ op, value, stamp }) {
  return { op, value, stamp };
}

/** Whether a cursor is of the same epoch as the other and not after it. A cursor is an epoch, a dash and a position. */
export function isNotAfter(cursor, other) {
  const [a, b] = [cursor, other ?? ''].map((text) => {
    const dash = text.lastIndexOf('-');
    return { epoch: text.slice(0, dash), position: Number(text.slice(dash + 1)) };
  });
  return a.epoch === b.epoch && a.position <= b.position;
}
