/**
 * A copy of the files service's listing: which files there are, and which watchers, at a place in the service's log. It
 * knows no connection and no page.
 *
 * Messages only note what changed; `drain` puts it into the list, once for all that came meanwhile. So a storm of messages
 * costs little, however long the list is.
 */
import { compareFiles, differenceOf, listOf, merge } from './order.js';

/** Files whose changes may wait for a drain, which a hidden page does not do; then they go into the list without one. */
const PENDING_MAX = 10_000;

/** Watchers whose coming or leaving waits to be told by a drain; with more of them it is forgotten. */
const TOLD_MAX = 10_000;

/**
 * @typedef {import('./order.js').File} File
 * @typedef {{watcher: number, instance: string, address: string, state: string, files: number}} Watcher
 * @typedef {object} Difference
 * @property {File[]} added
 * @property {File[]} removed but those of watchers that left
 * @property {Watcher[]} arrived
 * @property {(Watcher & {reason?: string})[]} left with how many files they had
 * @property {boolean} isFirst there was nothing to differ from
 */

export class FilesState {
  /** The place in the log; null before the first snapshot. @type {string | null} */
  cursor = null;
  /** By number. @type {Map<number, Watcher>} */
  watchers = new Map();
  /** All files, sorted, as of the last drain. @type {File[]} */
  files = [];
  /** The last file that is followed, if the listing is too long to be: those behind it are not listed. @type {File | null} */
  end = null;

  /** The list with all but what is pending, */ #merged = [];
  /** and how many of it each watcher has: also those that a page knew before a change told of them. */ #counts = new Map();
  /** By watcher and name: whether a file is there. @type {Map<number, Map<string, boolean>>} */ #pending = new Map();
  #pendingCount = 0;
  /** Watchers all of whose files before those pending are no more. */ #gone = new Set();
  /** The list was merged or replaced since the last drain. */ #isAhead = false;
  #isFirst = true;
  #arrived = [];
  #left = [];

  /**
   * Takes a message of the service.
   * @param {object} message a snapshot, a reset, or changes
   * @param {{isAnswer?: boolean, end?: File | null}} [options] `isAnswer`: this was asked for, so it is true now, even where
   *   it goes back; `end`: the last of its files, if there are more that it does not have
   * @returns {'taken' | 'old' | 'hole'} `hole`: something between is missing; ask from the cursor
   */
  take(message, { isAnswer = false, end = null } = {}) {
    if (message.type !== 'changes') {
      if (!isAnswer && this.cursor !== null && isSame(message.cursor, this.cursor)) {
        if (positionOf(message.cursor) <= positionOf(this.cursor)) return 'old';
      }
      this.#replace(message, end);
      return 'taken';
    }
    if (this.cursor === null) return 'hole';
    if (!isSame(message.cursor, this.cursor)) return 'hole';
    if (positionOf(message.cursor) <= positionOf(this.cursor)) return 'old';
    if (message.prev !== undefined && message.prev !== this.cursor) return 'hole';
    for (const change of message.changes) this.#apply(change);
    this.cursor = message.cursor;
    return 'taken';
  }

  /** Whether something is known to have happened that this has not. @param {string} cursor */
  isBehind(cursor) {
    if (this.cursor === null || !isSame(cursor, this.cursor)) return true;
    return positionOf(cursor) > positionOf(this.cursor);
  }

  /** Brings the list up to date. @returns {Difference} what changed since the last time */
  drain() {
    const merged = this.#merge();
    for (const watcher of this.watchers.values()) watcher.files = this.#counts.get(watcher.watcher) ?? 0;
    const difference = this.#isAhead ? differenceOf(this.files, this.#merged) : merged;
    const left = new Map(this.#left.map((watcher) => [watcher.watcher, { ...watcher, files: 0 }]));
    const [arrived, isFirst] = [this.#arrived, this.#isFirst];
    this.files = this.#merged;
    this.#isAhead = false;
    this.#isFirst = this.cursor === null;
    [this.#arrived, this.#left] = [[], []];
    for (const { watcher } of difference.removed) if (left.has(watcher)) left.get(watcher).files++;
    const removed = difference.removed.filter(({ watcher }) => !left.has(watcher));
    return { added: difference.added, removed, arrived, left: [...left.values()], isFirst };
  }

  #replace({ cursor, watchers, files }, end) {
    const before = this.watchers;
    this.watchers = new Map(watchers.map((watcher) => [watcher.watcher, { ...watcher, files: 0 }]));
    for (const watcher of this.watchers.values()) if (!before.has(watcher.watcher)) this.#tell(this.#arrived, watcher);
    for (const watcher of before.values()) if (!this.watchers.has(watcher.watcher)) this.#tell(this.#left, watcher);
    this.#pending.clear();
    this.#pendingCount = 0;
    this.#gone.clear();
    this.#merged = listOf(files, this.#merged);
    this.#counts.clear();
    for (const file of this.#merged) this.#count(file, 1);
    this.#isAhead = true;
    this.end = end;
    this.cursor = cursor;
  }

  #apply(change) {
    const { op, watcher } = change;
    if (op === 'add' || op === 'remove') return this.#note({ name: change.filename, watcher }, op === 'add');
    const known = this.watchers.get(watcher);
    if (op === 'watcher') {
      const { instance, address, state } = change;
      const now = { watcher, instance, address, state, files: known?.files ?? 0 };
      this.watchers.set(watcher, now);
      if (!known) this.#tell(this.#arrived, now);
    }
    if (op === 'gone') {
      this.watchers.delete(watcher);
      this.#pendingCount -= this.#pending.get(watcher)?.size ?? 0;
      this.#pending.delete(watcher);
      this.#gone.add(watcher);
      this.#arrived = this.#arrived.filter((other) => other.watcher !== watcher);
      if (known) this.#tell(this.#left, { ...known, reason: change.reason });
    }
  }

  #note(file, has) {
    if (this.end !== null && compareFiles(file, this.end) > 0) return;
    if (!this.#pending.has(file.watcher)) this.#pending.set(file.watcher, new Map());
    const names = this.#pending.get(file.watcher);
    if (!names.has(file.name)) this.#pendingCount++;
    names.set(file.name, has);
    if (this.#pendingCount <= PENDING_MAX) return;
    this.#merge();
    this.#isAhead = true;
  }

  /** Puts what is pending into the list. */
  #merge() {
    const isGone = ({ watcher }) => this.#gone.has(watcher);
    const gone = this.#gone.size > 0 ? this.#merged.filter(isGone) : [];
    const stays = gone.length > 0 ? this.#merged.filter((file) => !isGone(file)) : this.#merged;
    for (const watcher of this.#gone) this.#counts.delete(watcher);
    const changes = [];
    for (const [watcher, names] of this.#pending)
      for (const [name, has] of names) changes.push({ file: { name, watcher }, has });
    const { files, added, removed } = merge(stays, changes);
    for (const file of added) this.#count(file, 1);
    for (const file of removed) this.#count(file, -1);
    this.#merged = files;
    this.#pending.clear();
    this.#pendingCount = 0;
    this.#gone.clear();
    return { added, removed: gone.concat(removed) };
  }

  #count({ watcher }, by) {
    this.#counts.set(watcher, (this.#counts.get(watcher) ?? 0) + by);
  }

  #tell(list, watcher) {
    if (list.length === TOLD_MAX) list.length = 0;
    list.push(watcher);
  }
}

/** Whether two cursors are of the same epoch: their positions can be compared. */
function isSame(cursor, other) {
  return cursor.slice(0, cursor.lastIndexOf('-')) === other.slice(0, other.lastIndexOf('-'));
}

function positionOf(cursor) {
  return Number(cursor.slice(cursor.lastIndexOf('-') + 1));
}
