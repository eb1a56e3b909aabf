import { visible } from '../shared/words.js';

/** What removes a row's element when it is clicked; the keyboard has the Delete key. */
const REMOVER = 'row-remover';

/**
 * Makes a listing's row show elements of a set.
 * @param {import('./replica.js').Replica} replica
 * @returns {(row: HTMLElement) => (value: string) => void}
 */
export function elementCells(replica) {
  return (row) => {
    const name = document.createElement('span');
    name.className = 'row-name';
    name.dir = 'auto';
    const mark = document.createElement('span');
    mark.className = 'row-mark';
    const remover = document.createElement('span');
    remover.className = REMOVER;
    remover.textContent = '×';
    remover.title = 'Remove';
    remover.setAttribute('aria-hidden', 'true');
    row.append(name, ' ', mark, remover);
    let shown;
    return (value) => {
      if (shown !== value) {
        name.textContent = name.title = visible(value);
        name.classList.toggle('row-blank', value === '');
        row.dataset.value = shown = value;
      }
      const text = replica.isWaiting(value) ? 'not sent yet' : '';
      if (mark.textContent !== text) mark.textContent = text;
    };
  };
}

/** @param {Event} event at a row */
export function isAtRemover(event) {
  return event.target.closest(`.${REMOVER}`) !== null;
}
