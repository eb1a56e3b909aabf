/**
 * Lists of files, sorted as the server sorts them. Lists are never changed in place, and a file that stays is the same object
 * in the next list: what is shown knows it by that.
 *
 * @typedef {{name: string, watcher: number}} File a name in the folder of the watcher with this number
 */
import { compareBytewise } from '../shared/bytewise.js';

/** By name, bytewise in UTF-8, and then by watcher. @param {File} a @param {File} b */
export function compareFiles(a, b) {
  return compareBytewise(a.name, b.name) || a.watcher - b.watcher;
}

/**
 * @param {File[]} before
 * @param {{file: File, has: boolean}[]} changes at most one about a file: whether it is there from now on. They get sorted
 * @returns {{files: File[], added: File[], removed: File[]}} the list after them, and what they really changed
 */
export function merge(before, changes) {
  if (changes.length === 0) return { files: before, added: [], removed: [] };
  changes.sort((a, b) => compareFiles(a.file, b.file));
  const [files, added, removed] = [[], [], []];
  let copied = 0;
  for (const { file, has } of changes) {
    const at = placeOf(before, file, copied);
    while (copied < at) files.push(before[copied++]);
    const isThere = at < before.length && compareFiles(before[at], file) === 0;
    if (isThere && has) continue;
    if (isThere) removed.push(before[copied++]);
    else if (has) files.push(added[added.push(file) - 1]);
  }
  while (copied < before.length) files.push(before[copied++]);
  return { files, added, removed };
}

/** Where a file is or would be, not before `start`. */
function placeOf(files, file, start) {
  let end = files.length;
  while (start < end) {
    const middle = (start + end) >> 1;
    if (compareFiles(files[middle], file) < 0) start = middle + 1;
    else end = middle;
  }
  return start;
}

/**
 * The list that the server told.
 * @param {[string, number][]} pairs names and numbers of watchers, sorted
 * @param {File[]} before where the objects of the files that stay are taken from
 * @returns {File[]}
 */
export function listOf(pairs, before) {
  let at = 0;
  const files = pairs.map(([name, watcher]) => {
    const file = { name, watcher };
    while (at < before.length && compareFiles(before[at], file) < 0) at++;
    return at < before.length && compareFiles(before[at], file) === 0 ? before[at] : file;
  });
  const isSorted = files.every((file, i) => i === 0 || compareFiles(files[i - 1], file) < 0);
  return isSorted ? files : merge([], [...uniqueOf(files)].map((file) => ({ file, has: true }))).files;
}

function uniqueOf(files) {
  return new Map(files.map((file) => [`${file.watcher}/${file.name}`, file])).values();
}

/**
 * What leads from one list to another.
 * @param {File[]} before
 * @param {File[]} after
 * @returns {{added: File[], removed: File[]}}
 */
export function differenceOf(before, after) {
  const [added, removed] = [[], []];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const order = i === before.length ? 1 : j === after.length ? -1 : compareFiles(before[i], after[j]);
    if (order < 0) removed.push(before[i]);
    if (order > 0) added.push(after[j]);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  return { added, removed };
}
