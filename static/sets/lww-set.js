/**
 * A set that many replicas change at once and that still ends the same everywhere: a last-writer-wins element set
 * (Shapiro et al., "A comprehensive study of convergent and commutative replicated data types", 2011).
 *
 * An operation adds or removes one value at a stamp, `[ms, replica]`. Of all operations on a value the greatest wins, and
 * it alone is kept; so it does not matter in which order, or how often, operations come. A value is in the set if its
 * kept operation is an add. A kept remove is a tombstone: it still wins over whatever is older.
 *
 * This order is the one that the server has: `lww-set/vectors` holds the cases that both are tested with.
 *
 * @typedef {[number, string]} Stamp milliseconds since 1970, 0 to 2^53 - 1, and the name of the replica
 * @typedef {{op: 'add' | 'remove', value: string, stamp: Stamp}} Operation
 * @typedef {{outcome: 'applied' | 'duplicate', stamp: Stamp}
 *   | {outcome: 'superseded', op: 'add' | 'remove', stamp: Stamp}} Outcome `superseded`: by the operation that is kept
 */
import { compareBytewise } from '../shared/bytewise.js';

/** A value's bound, in bytes of UTF-8: the server's. */
export const VALUE_BYTES_MAX = 1_024;

/** What a replica may be called. */
const REPLICA = /^[A-Za-z0-9._-]{1,64}$/;

/** @param {unknown} stamp */
export function isStamp(stamp) {
  if (!Array.isArray(stamp) || stamp.length !== 2) return false;
  const [ms, replica] = stamp;
  return Number.isSafeInteger(ms) && ms >= 0 && typeof replica === 'string' && REPLICA.test(replica);
}

/** @param {unknown} value */
export function isValue(value) {
  return typeof value === 'string' && !/\p{Cs}/u.test(value) && utf8Length(value) <= VALUE_BYTES_MAX;
}

/** @param {string} text */
export function utf8Length(text) {
  return new TextEncoder().encode(text).length;
}

/**
 * By time, then by the replica's name; names are ASCII, so this is their order bytewise.
 * @param {Stamp} a
 * @param {Stamp} b
 * @returns {number} below, equal to or above 0
 */
export function compareStamps([ms, replica], [otherMs, otherReplica]) {
  if (ms !== otherMs) return ms - otherMs;
  return replica < otherReplica ? -1 : replica > otherReplica ? 1 : 0;
}

/**
 * The order of operations on one value: by stamp, and at equal stamps a remove is greater than an add (the tie rule).
 * @param {{op: string, stamp: Stamp}} a
 * @param {{op: string, stamp: Stamp}} b
 */
export function compareOperations(a, b) {
  return compareStamps(a.stamp, b.stamp) || Number(a.op === 'remove') - Number(b.op === 'remove');
}

export class LwwSet {
  /** Value → the greatest operation on it. @type {Map<string, {op: 'add' | 'remove', stamp: Stamp}>} */
  #kept = new Map();
  #size = 0;

  /** @param {Iterable<Operation>} [operations] */
  constructor(operations = []) {
    for (const operation of operations) this.apply(operation);
  }

  /** How many values are in the set. */
  get size() {
    return this.#size;
  }

  /** Of how many values an operation is kept, tombstones too. */
  get keptCount() {
    return this.#kept.size;
  }

  /**
   * @param {Operation} operation
   * @returns {Outcome}
   */
  apply({ op, value, stamp }) {
    const kept = this.#kept.get(value);
    const order = kept ? compareOperations({ op, stamp }, kept) : 1;
    if (order < 0) return { outcome: 'superseded', ...kept };
    if (order === 0) return { outcome: 'duplicate', stamp };
    this.#size += Number(op === 'add') - Number(kept?.op === 'add');
    this.#kept.set(value, { op, stamp });
    return { outcome: 'applied', stamp };
  }

  add(value, stamp) {
    return this.apply({ op: 'add', value, stamp });
  }

  remove(value, stamp) {
    return this.apply({ op: 'remove', value, stamp });
  }

  contains(value) {
    return this.#kept.get(value)?.op === 'add';
  }

  /** The kept operation on a value, an add or a remove; undefined if there is none. */
  kept(value) {
    return this.#kept.get(value);
  }

  /** Takes over all that another set knows. @param {LwwSet} other */
  merge(other) {
    for (const operation of other.operations()) this.apply(operation);
  }

  /** What is in the set, in no order. @returns {Iterable<string>} */
  *values() {
    for (const [value, { op }] of this.#kept) if (op === 'add') yield value;
  }

  /** Every kept operation, tombstones too, in no order. @returns {Iterable<Operation>} */
  *operations() {
    for (const [value, { op, stamp }] of this.#kept) yield { op, value, stamp };
  }

  /**
   * SHA-256 over what is in the set, the same on every replica that holds the same: a line for each value, in bytewise
   * order, of its JSON text, its milliseconds and its replica, with tabs between.
   * @returns {Promise<string | null>} hexadecimal; null where the browser has no SHA-256: on plain http, but on localhost
   */
  async digest() {
    if (!globalThis.crypto?.subtle) return null;
    const lines = [...this.values()].sort(compareBytewise).map((value) => {
      const [ms, replica] = this.#kept.get(value).stamp;
      return `${JSON.stringify(value)}\t${ms}\t${replica}\n`;
    });
    const hash = await globalThis.crypto.subtle.digest('SHA-256', new TextEncoder().encode(lines.join('')));
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}
