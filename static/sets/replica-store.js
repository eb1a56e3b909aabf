/**
 * Keeps replicas in the browser's storage, so that they outlive the page.
 *
 * A replica has a slot, which one page at a time holds: two pages that show the same set are two replicas. In a slot are two
 * texts: `own`, small and written at once with each change made here, and `copy`, what the server confirmed, which is
 * written a moment later and may be missing, because the server has it.
 *
 * Pages are told apart by locks, which browsers have over https and on localhost. Elsewhere each tab has slots of its own,
 * and a slot that a closed tab left behind cannot be told from one in use.
 */
import { isStamp, isValue } from './lww-set.js';

/** The longest copy that is kept, in UTF-16 units: browsers give a page 5 million for all that it keeps. */
export const COPY_LENGTH_MAX = 1_500_000;

/** Copies that are kept; of more, the oldest are dropped. What waits for the server is never dropped. */
export const COPIES_MAX = 20;

/** A value in a copy takes at least as much: `["",1700000000000,"a"],`. */
const ENTRY_LENGTH_MIN = 22;

/** How long a page waits for the slot that it had before it was loaded anew: the one before may still be closing. */
const REGAIN_MS = 2_000;

const PREFIX = 'tercet.sets/';

/**
 * @typedef {'kept' | 'own_only' | 'refused'} Keeping what storage took: all, the own operations only (the copy is too large,
 *   or there is no room for it), or not even those
 */
export class ReplicaStore {
  #storage;
  #session;
  #locks;

  /**
   * @param {object} [options]
   * @param {() => Storage} [options.storage] may throw, as browsers do whose storage is switched off
   * @param {() => Storage} [options.session]
   * @param {LockManager} [options.locks]
   */
  constructor(options = {}) {
    const {
      storage = () => localStorage,
      session = () => sessionStorage,
      locks = globalThis.navigator?.locks,
    } = options;
    this.#storage = attempt(storage);
    this.#session = attempt(session);
    this.#locks = locks;
  }

  /**
   * Takes a slot for a replica: the one that this tab had, or the first that is free.
   * @param {string} set
   * @param {string} side which of the replicas of this page it is for
   * @returns {Promise<Slot>}
   */
  async claim(set, side) {
    const remembered = `${PREFIX}${set}/${side}`;
    const before = attempt(() => this.#session.getItem(remembered));
    const slot = (before && (await this.#regain(set, before))) || (await this.#holdFree(set));
    attempt(() => this.#session.setItem(remembered, slot.name));
    return slot;
  }

  async #regain(set, name) {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), REGAIN_MS);
    const slot = await this.#hold(set, name, { signal: patience.signal });
    clearTimeout(timer);
    return slot ?? (this.#locks ? null : this.#unlocked(set, name));
  }

  async #holdFree(set) {
    for (let number = 1; this.#locks; number++) {
      const slot = await this.#hold(set, String(number), { ifAvailable: true });
      if (slot) return slot;
    }
    return this.#unlocked(set, `tab-${randomHex(8)}`);
  }

  /** @returns {Promise<Slot | null>} null if another page holds it, or if the browser turns out to refuse locks */
  async #hold(set, name, options) {
    if (!this.#locks) return this.#unlocked(set, name);
    const release = await this.#lock(`${PREFIX}${set}/${name}`, options);
    return release && new Slot(this.#storage, set, name, release);
  }

  /**
   * Where storage is blocked and in sandboxed frames there are locks, but each request is refused: from then on it is as if
   * there were none.
   * @returns {Promise<(() => void) | null>} releases the lock; null if there is none
   */
  async #lock(name, options) {
    try {
      return await new Promise((resolve, reject) => {
        const held = (lock) => (lock ? new Promise((release) => resolve(release)) : resolve(null));
        this.#locks.request(name, options, held).catch(reject);
      });
    } catch {
      if (!options.signal?.aborted) this.#locks = undefined;
      return null;
    }
  }

  #unlocked(set, name) {
    return new Slot(this.#storage, set, name, () => {});
  }

  /** Which sets have something kept here, and how many operations wait in them. */
  kept() {
    const sets = new Map();
    for (const { set, slot } of this.#slots()) {
      const { title = '', waiting = [] } = slot.readOwn() ?? {};
      const { title: otherTitle = '', waiting: count = 0 } = sets.get(set) ?? {};
      sets.set(set, { title: title || otherTitle, waiting: count + waiting.length });
    }
    return sets;
  }

  /**
   * Takes operations out of slots of a set that no page holds.
   * @param {Slot} mine
   * @param {(waiting: import('./replica.js').Waiting[]) => boolean} adopt says whether it took them
   */
  async takeOver(mine, adopt) {
    for (const { slot } of this.#leftBehind(mine)) {
      const held = await this.#hold(mine.set, slot.name, { ifAvailable: true });
      const waiting = held?.readOwn()?.waiting ?? [];
      if (waiting.length > 0 && adopt(waiting)) held.forget();
      held?.release();
    }
  }

  /** How many operations wait in slots of the same set that no page holds, as far as that can be known. */
  async countLeftBehind(mine) {
    let count = 0;
    for (const { slot } of this.#leftBehind(mine)) {
      const held = await this.#hold(mine.set, slot.name, { ifAvailable: true });
      count += held?.readOwn()?.waiting.length ?? 0;
      held?.release();
    }
    return count;
  }

  #leftBehind(mine) {
    return this.#slots().filter(({ set, slot }) => set === mine.set && slot.name !== mine.name);
  }

  /** Forgets all that is kept of a set. */
  forget(set) {
    for (const entry of this.#slots()) if (entry.set === set) entry.slot.forget();
  }

  #slots() {
    const keys = keysOf(this.#storage).filter((key) => key.endsWith('/own'));
    return keys.map((key) => {
      const [set, name] = key.slice(PREFIX.length).split('/');
      return { set, slot: new Slot(this.#storage, set, name, () => {}) };
    });
  }
}

/** Where one replica is kept. */
export class Slot {
  /** @type {Keeping} */ keeping = 'kept';
  #storage;
  #release;

  constructor(storage, set, name, release) {
    this.#storage = storage;
    this.set = set;
    this.name = name;
    this.#release = release;
    if (!storage) this.keeping = 'refused';
  }

  get #own() {
    return `${PREFIX}${this.set}/${this.name}/own`;
  }

  get #copy() {
    return `${PREFIX}${this.set}/${this.name}/copy`;
  }

  /** @returns {ReturnType<import('./replica.js').Replica['own']> & {title: string} | null} null if there is none that is sound */
  readOwn() {
    const own = attempt(() => JSON.parse(this.#storage.getItem(this.#own)));
    const isOperation = ({ op, value, stamp }) => (op === 'add' || op === 'remove') && isValue(value) && isStamp(stamp);
    const isSound = attempt(
      () => own.waiting.every(isOperation) && Array.isArray(own.notices) && isStamp([0, own.name]),
    );
    return isSound ? own : null;
  }

  /** @returns {ReturnType<import('./replica.js').Replica['copy']> | null} */
  readCopy() {
    return attempt(() => {
      const { name, cursor, elements, removed } = JSON.parse(this.#storage.getItem(this.#copy));
      const unpack = ([value, ms, replica]) => ({ value, stamp: [ms, replica] });
      return { name, cursor: `${cursor}`, elements: elements.map(unpack), removed: removed.map(unpack) };
    });
  }

  /** @param {import('./replica.js').Replica} replica */
  writeOwn(replica) {
    const text = JSON.stringify({ ...replica.own(), title: replica.title, keptMs: Date.now() });
    if (!this.#write(this.#own, text)) this.keeping = 'refused';
    else if (this.keeping === 'refused') this.keeping = 'own_only';
  }

  /** The copy first: what leaves the one must be in the other. @param {import('./replica.js').Replica} replica */
  writeAll(replica) {
    const isKept = replica.confirmedCount <= COPY_LENGTH_MAX / ENTRY_LENGTH_MIN && this.#writeCopy(replica.copy());
    if (!isKept) attempt(() => this.#storage.removeItem(this.#copy));
    this.keeping = isKept ? 'kept' : 'own_only';
    this.writeOwn(replica);
    if (keysOf(this.#storage).filter(isCopy).length > COPIES_MAX) this.#dropOldCopies();
  }

  #writeCopy({ elements, removed, ...rest }) {
    const pack = ({ value, stamp: [ms, name] }) => [value, ms, name];
    const text = JSON.stringify({ ...rest, elements: elements.map(pack), removed: removed.map(pack) });
    return text.length <= COPY_LENGTH_MAX && this.#write(this.#copy, text);
  }

  forget() {
    for (const key of [this.#own, this.#copy]) attempt(() => this.#storage.removeItem(key));
  }

  /** Lets another page have it. */
  release() {
    this.#release();
  }

  /** Where there is no room, copies of other replicas make some, the oldest first. */
  #write(key, text) {
    const isWritten = () => attempt(() => (this.#storage.setItem(key, text), true)) ?? false;
    return isWritten() || this.#otherCopies().some((slot) => (slot.#dropCopy(), isWritten()));
  }

  #dropOldCopies() {
    const others = this.#otherCopies();
    for (const slot of others.slice(0, Math.max(0, others.length + 1 - COPIES_MAX))) slot.#dropCopy();
  }

  /** @returns {Slot[]} those with copies, the oldest first */
  #otherCopies() {
    const keys = keysOf(this.#storage).filter((key) => isCopy(key) && key !== this.#copy);
    const slots = keys.map((key) => {
      const [set, name] = key.slice(PREFIX.length).split('/');
      const slot = new Slot(this.#storage, set, name, () => {});
      return { slot, keptMs: slot.readOwn()?.keptMs ?? 0 };
    });
    return slots.sort((a, b) => a.keptMs - b.keptMs).map(({ slot }) => slot);
  }

  /** And the rest with it, if that says nothing. */
  #dropCopy() {
    const own = this.readOwn();
    const isTelling = own && (own.offline || own.waiting.length > 0 || own.notices.length > 0);
    if (isTelling) attempt(() => this.#storage.removeItem(this.#copy));
    else this.forget();
  }
}

function keysOf(storage) {
  const keys = attempt(() => Array.from({ length: storage.length }, (_, i) => storage.key(i))) ?? [];
  return keys.filter((key) => key.startsWith(PREFIX));
}

function isCopy(key) {
  return key.endsWith('/copy');
}

/** Storage throws when it is off or full, and what is in it may be anything. */
function attempt(work) {
  try {
    return work();
  } catch {
    return null;
  }
}

/** @param {number} digits */
export function randomHex(digits) {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(digits / 2));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
