import { visible } from '../shared/words.js';
import { ownerInWords } from './words.js';

/**
 * Makes a listing's row show files, and whose they are.
 * @param {(watcher: number) => import('./state.js').Watcher | undefined} watcherOf
 * @returns {(row: HTMLElement) => (file: import('./order.js').File) => void}
 */
export function fileCells(watcherOf) {
  return (row) => {
    const name = document.createElement('span');
    name.className = 'row-name';
    name.dir = 'auto';
    const owner = document.createElement('span');
    owner.className = 'row-owner';
    const mark = document.createElement('span');
    mark.className = 'watcher-mark';
    const text = document.createElement('bdi');
    owner.append(mark, text);
    row.append(name, ' ', owner);
    let shown;
    return (file) => {
      if (shown !== file.name) {
        name.textContent = name.title = visible(file.name);
        row.dataset.file = shown = file.name;
      }
      const watcher = watcherOf(file.watcher) ?? { watcher: file.watcher, state: 'dirty' };
      const words = ownerInWords(watcher);
      if (text.textContent !== words) text.textContent = row.dataset.owner = words;
      if (owner.dataset.watcherState !== watcher.state) owner.dataset.watcherState = watcher.state;
    };
  };
}
