/** A cursor is `<epoch>-<position>`: a place in the log of a user. Positions of one epoch are in order; epochs are not. */

/** @param {string | null} cursor */
function parts(cursor) {
  const match = /^(.+)-(\d+)$/.exec(cursor ?? '');
  return match && { epoch: match[1], position: BigInt(match[2]) };
}

/**
 * @param {string | null} cursor
 * @param {string | null} mine
 * @returns {boolean} whether who stands at `mine` has all up to `cursor`. Across epochs nobody knows: no
 */
export function isReached(cursor, mine) {
  if (cursor === mine) return true;
  const [there, here] = [parts(cursor), parts(mine)];
  return there !== null && here !== null && there.epoch === here.epoch && there.position <= here.position;
}
