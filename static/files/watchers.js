/** The list of watchers: who they are, how they stand, how many files they have. One can be chosen. */
import { counted, grouped } from '../shared/words.js';
import { lagInWords, ownerInWords, shortInstance, watcherStateInWords } from './words.js';

/** Watchers that are shown at once: those in trouble are shown before others. */
const SHOWN_MAX = 100;

export class WatcherList {
  #list;
  #note;
  #onChoose;
  /** By number. @type {Map<number, {element: HTMLElement, fill: (watcher: object) => void}>} */ #items = new Map();

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} note says what the list does not
   * @param {(watcher: number) => void} onChoose
   */
  constructor(list, note, onChoose) {
    this.#list = list;
    this.#note = note;
    this.#onChoose = onChoose;
  }

  /**
   * @param {import('./state.js').Watcher[]} watchers
   * @param {Map<number, {files: number, lag_ms: number, trouble?: string}>} nodes what is known of some of them besides
   * @param {{chosen: number | null, isAll: boolean}} options `isAll`: their files were all counted here
   */
  show(watchers, nodes, { chosen, isAll }) {
    const shown = choose(watchers, nodes);
    const items = new Map(shown.map(({ watcher }) => [watcher, this.#items.get(watcher) ?? this.#create(watcher)]));
    for (const [watcher, { element }] of this.#items) if (!items.has(watcher)) element.remove();
    this.#items = items;
    shown.forEach((watcher, i) => {
      const node = nodes.get(watcher.watcher);
      const files = isAll ? watcher.files : (node?.files ?? watcher.files);
      const { element, fill } = items.get(watcher.watcher);
      fill({ ...watcher, files, lagMs: node?.lag_ms, trouble: node?.trouble, isChosen: chosen === watcher.watcher });
      if (this.#list.children[i] !== element) this.#list.insertBefore(element, this.#list.children[i] ?? null);
    });
    const rest = watchers.length - shown.length;
    const words = rest === 0 ? '' : `and ${grouped(rest)} more; those in trouble stand here first.`;
    if (this.#note.textContent !== words) this.#note.textContent = words;
  }

  #create(number) {
    const element = document.createElement('li');
    const button = part('button', 'watcher');
    button.type = 'button';
    button.dataset.watcher = number;
    const mark = part('span', 'watcher-mark');
    const [address, files, more, trouble] = [
      part('bdi', 'watcher-address'),
      part('span', 'watcher-files'),
      part('span', 'watcher-more'),
      part('span', 'watcher-trouble'),
    ];
    button.append(mark, address, ' ', files, ' ', more, ' ', trouble);
    button.addEventListener('click', () => this.#onChoose(number));
    element.append(button);
    const write = (part, text) => part.textContent !== text && (part.textContent = text);
    const fill = (watcher) => {
      const { text, detail } = watcherStateInWords(watcher.state);
      button.dataset.watcherState = watcher.state;
      button.setAttribute('aria-pressed', String(watcher.isChosen));
      button.title = `${detail} Its id is ${watcher.instance}.`.trim();
      write(address, ownerInWords(watcher));
      write(files, counted(watcher.files, 'file'));
      const isNamed = address.textContent.endsWith(shortInstance(watcher.instance));
      write(more, [text, lagInWords(watcher.lagMs), isNamed ? '' : shortInstance(watcher.instance)].filter(Boolean).join(' · '));
      write(trouble, watcher.trouble ? `Its list could not be fetched: ${watcher.trouble}` : '');
    };
    return { element, fill };
  }
}

/** Those to show, by number. */
function choose(watchers, nodes) {
  const byNumber = (a, b) => a.watcher - b.watcher;
  if (watchers.length <= SHOWN_MAX) return [...watchers].sort(byNumber);
  const gravity = ({ watcher, state }) => (nodes.get(watcher)?.trouble ? 2 : state === 'synced' ? 0 : 1);
  return [...watchers].sort((a, b) => gravity(b) - gravity(a) || byNumber(a, b)).slice(0, SHOWN_MAX);
}

function part(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}
