import { compareBytewise } from '../shared/bytewise.js';

/** As people sort: "item 9" before "item 10", "Élodie" before "Zoe". */
const COLLATOR = new Intl.Collator(undefined, { numeric: true });

/** From this share of changed values on, sorting all anew is cheaper than putting each in its place. */
const RESORT_SHARE = 1 / 8;

/** Values in the order in which people look for them. */
export class SortedValues {
  /** Never changed in place: each change makes another. @type {string[]} */ values = [];

  /** @param {Iterable<string>} values */
  reset(values) {
    this.values = [...values].sort(compare);
  }

  /** @param {Map<string, boolean>} changes whether each value is there from now on */
  change(changes) {
    if (changes.size === 0) return;
    if (changes.size > this.values.length * RESORT_SHARE + 1) {
      const values = new Set(this.values);
      for (const [value, has] of changes) has ? values.add(value) : values.delete(value);
      return this.reset(values);
    }
    const values = this.values.slice();
    for (const [value, has] of changes) {
      const index = indexOf(values, value);
      const isThere = values[index] === value;
      if (has !== isThere) values.splice(index, isThere ? 1 : 0, ...(has ? [value] : []));
    }
    this.values = values;
  }
}

/** Where a value is, or would be. */
function indexOf(values, value) {
  let start = 0;
  let end = values.length;
  while (start < end) {
    const middle = (start + end) >> 1;
    if (compare(values[middle], value) < 0) start = middle + 1;
    else end = middle;
  }
  return start;
}

/** What people take for the same has an order, too. */
function compare(a, b) {
  return COLLATOR.compare(a, b) || compareBytewise(a, b);
}
