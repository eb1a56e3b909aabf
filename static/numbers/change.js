/**
 * @typedef {{UserName: string, FavoriteNumber: number | bigint}} User
 * @typedef {{name: string, from?: number | bigint, to?: number | bigint}} Change no `from`: new; no `to`: gone
 */

/**
 * What happened between two listings, each sorted the same way. Where both have the same names, as nearly everywhere, it
 * only walks along; names are looked up only between the first and the last place where they differ.
 * @param {User[]} before
 * @param {User[]} after
 * @returns {Change[]}
 */
export function changesBetween(before, after) {
  const changes = [];
  const note = (name, from, to) => {
    if (from !== to) changes.push({ name, from, to });
  };
  let start = 0;
  let beforeEnd = before.length;
  let afterEnd = after.length;
  for (; start < beforeEnd && start < afterEnd; start++) {
    const [was, is] = [before[start], after[start]];
    if (was.UserName !== is.UserName) break;
    note(is.UserName, was.FavoriteNumber, is.FavoriteNumber);
  }
  for (; beforeEnd > start && afterEnd > start; beforeEnd--, afterEnd--) {
    const [was, is] = [before[beforeEnd - 1], after[afterEnd - 1]];
    if (was.UserName !== is.UserName) break;
    note(is.UserName, was.FavoriteNumber, is.FavoriteNumber);
  }
  const rest = new Map();
  for (let i = start; i < beforeEnd; i++) rest.set(before[i].UserName, before[i].FavoriteNumber);
  for (let i = start; i < afterEnd; i++) {
    const { UserName: name, FavoriteNumber: number } = after[i];
    note(name, rest.get(name), number);
    rest.delete(name);
  }
  for (const [name, number] of rest) note(name, number, undefined);
  return changes;
}

/** @param {Change} change */
export function changeInWords({ name, from, to }) {
  return {
    name,
    text: to === undefined ? 'left' : from === undefined ? `chose ${to}` : `${from} → ${to}`,
    gone: to === undefined,
  };
}
