/** The files view: the files of all watched folders in one listing, live, and how their watchers are doing. */
import { FilesFollow } from './follow.js';
import { markup } from './markup.js';
import { merge } from './order.js';
import { fileCells } from './row.js';
import { WatcherList } from './watchers.js';
import {
  differenceInLines,
  emptinessInWords,
  ownerInWords,
  troubleInWords,
  watcherStateInWords,
} from './words.js';
import { oncePerFrame } from '../shared/frame.js';
import { Lately } from '../shared/lately.js';
import { Listing } from '../shared/listing.js';
import { Search } from '../shared/search.js';
import { counted, grouped, timeInWords, visible } from '../shared/words.js';
import { connect } from '../tercet.js';

/** Added rows that stand out at once: with more of them, as when a folder comes, nothing would. */
const GLOWING_MAX = 20;

/** Lines that "Lately" has at most. */
const LINES = 3;

export const files = {
  id: 'files',
  title: 'Files',
  mount(main) {
    main.innerHTML = markup;
    const view = new FilesView(main, connect('/ws/files'));
    return { connection: view.connection, unmount: () => view.end() };
  },
};

class FilesView {
  #find;
  #follow;
  #listing;
  #lately;
  #watchers;
  #search = new Search(({ name }) => name);
  /** The watcher whose files alone are shown, or null. */ #only = null;
  /** What is shown of the listing, and by which search. */ #shown = { query: '', only: null, files: [] };
  /** What the lines of "Lately" lead to. @type {Map<string, import('./order.js').File>} */ #told = new Map();
  #freshUntilMs = 0;
  #isEnded = false;
  #draw = oncePerFrame(() => this.#isEnded || this.#drawNow());
  #onKey = (event) => this.#shortcut(event);

  constructor(root, connection) {
    this.connection = connection;
    this.#find = (id) => root.querySelector(`#${id}`);
    this.#follow = new FilesFollow(connection);
    this.#listing = new Listing(this.#find('listing'), {
      keyOf: (file) => file, // a file that stays is the same object
      createCells: fileCells((watcher) => this.#follow.state.watchers.get(watcher)),
      onPick: (file, event) => event.type === 'keydown' && this.#choose(file.watcher, file),
      onActive: () => this.#showSelected(),
    });
    this.#lately = new Lately(
      this.#find('lately'),
      (line) => line,
      (key) => this.#revealAnyway(this.#told.get(key)),
    );
    this.#watchers = new WatcherList(this.#find('watchers'), this.#find('watchers-note'), (watcher) =>
      this.#choose(watcher === this.#only ? null : watcher),
    );
    this.#wire();
    this.#follow.addEventListener('change', this.#draw);
    this.#follow.addEventListener('fresh', () => {
      this.#showFreshness();
      this.#draw();
    });
    document.addEventListener('keydown', this.#onKey);
    this.#draw();
  }

  end() {
    this.#isEnded = true;
    document.removeEventListener('keydown', this.#onKey);
    this.#follow.end();
    this.#listing.end();
    this.connection.close();
  }

  #drawNow() {
    const { state, nodes } = this.#follow;
    const owners = new Map([...state.watchers].map(([number, watcher]) => [number, ownerInWords(watcher)]));
    const difference = state.drain();
    if (this.#only !== null && !state.watchers.has(this.#only)) this.#only = null;
    const query = this.#find('search').value;
    const fromTop = query !== this.#shown.query || this.#only !== this.#shown.only;
    const shown = fromTop ? this.#select(state.files, query) : this.#update(difference, query);
    this.#shown = { query, only: this.#only, files: shown };
    const changed = difference.isFirst || difference.added.length > GLOWING_MAX ? [] : difference.added;
    this.#listing.show(shown, { changed, fromTop });
    if (!difference.isFirst) this.#tell(difference, (number) => owners.get(number) ?? `watcher ${number}`);
    this.#watchers.show([...state.watchers.values()], nodes, { chosen: this.#only, isAll: state.end === null });
    this.#showCounts();
    this.#showEmpty();
    this.#showOnly();
    this.#showSelected();
  }

  #select(all, query) {
    const found = this.#search.filter(all, query);
    return this.#only === null ? found : found.filter(({ watcher }) => watcher === this.#only);
  }

  /** The same search as before: only what changed is looked at. */
  #update({ added, removed, left }, query) {
    const { state } = this.#follow;
    if (query.trim() === '' && this.#only === null) return state.files;
    const isLeft = new Set(left.map(({ watcher }) => watcher));
    const stays = isLeft.size === 0 ? this.#shown.files : this.#shown.files.filter(({ watcher }) => !isLeft.has(watcher));
    const changes = [
      ...this.#select(added, query).map((file) => ({ file, has: true })),
      ...removed.map((file) => ({ file, has: false })),
    ];
    return merge(stays, changes).files;
  }

  #tell(difference, ownerOf) {
    const lines = differenceInLines(difference, ownerOf);
    if (lines.length === 0) return;
    const leading = lines.slice(0, LINES).filter(({ file }) => file !== undefined);
    this.#told = new Map([...this.#told, ...leading.map(({ name, file }) => [name, file])].slice(-LINES));
    this.#lately.add(lines);
  }

  #showCounts() {
    const { state, count } = this.#follow;
    const { query, files } = this.#shown;
    const all = state.end === null ? state.files.length : Math.max(count ?? 0, state.files.length);
    const isPart = query.trim() !== '' || this.#only !== null;
    const isKnown = state.cursor !== null;
    const words = isPart ? `${grouped(files.length)} of ${counted(all, 'file')}` : counted(all, 'file');
    write(this.#find('count'), isKnown ? words : '');
    write(this.#find('watchers-count'), isKnown ? counted(state.watchers.size, 'folder') : '');
    this.#find('partial').hidden = state.end === null;
    const beginning = `Only the first ${grouped(state.files.length)} are listed here, and searched.`;
    write(this.#find('partial'), state.end === null ? '' : `${beginning} GET /files?prefix=… finds all others.`);
  }

  #showEmpty() {
    const { state, trouble } = this.#follow;
    const { query, files } = this.#shown;
    const isEmpty = files.length === 0;
    this.#find('board').classList.toggle('is-empty', isEmpty);
    this.#find('clear').hidden = !(isEmpty && state.files.length > 0);
    if (!isEmpty) return;
    const { text, isFirst } = emptinessInWords({
      isKnown: state.cursor !== null,
      watchers: state.watchers.size,
      files: state.files.length,
      query: query.trim(),
      trouble,
    });
    write(this.#find('empty-text'), text);
    this.#find('empty-first').hidden = !isFirst;
  }

  #showOnly() {
    this.#find('only').hidden = this.#only === null;
    const watcher = this.#follow.state.watchers.get(this.#only);
    if (watcher) write(this.#find('only-owner'), ownerInWords(watcher));
  }

  /** All of a name that its row may have cut, and whose it is. */
  #showSelected() {
    const file = this.#listing.active;
    this.#find('selected').hidden = file === undefined;
    if (file === undefined) return;
    const watcher = this.#follow.state.watchers.get(file.watcher);
    write(this.#find('selected-name'), visible(file.name));
    const state = watcher && watcherStateInWords(watcher.state).text;
    write(this.#find('selected-more'), watcher ? `${ownerInWords(watcher)} · ${state} · id ${watcher.instance}` : '');
    this.#find('selected-only').hidden = this.#only !== null;
  }

  #showFreshness() {
    const { isFresh, trouble, state } = this.#follow;
    const isStale = !isFresh && state.cursor !== null;
    if (isFresh) this.#freshUntilMs = 0;
    else this.#freshUntilMs ||= Date.now();
    this.#find('board').classList.toggle('is-stale', isStale);
    this.#find('stale').hidden = !isStale;
    const why = trouble ? ` ${troubleInWords(trouble)}` : '';
    write(this.#find('stale'), isStale ? `Possibly out of date since ${timeInWords(this.#freshUntilMs)}.${why}` : '');
  }

  /** @param {number | null} watcher whose files shall be shown alone; null: everyone's */
  #choose(watcher, file) {
    this.#only = watcher;
    this.#drawNow();
    if (file !== undefined) this.#listing.reveal(file);
    this.#showSelected();
  }

  #showAll() {
    const file = this.#listing.active;
    this.#find('search').value = '';
    this.#choose(null, file);
  }

  /** What was typed a moment ago is looked for first: another selection of files has no row that the keyboard is at. */
  #enterListing() {
    this.#drawNow();
    this.#listing.focus();
  }

  /** Also if the search hides it. */
  #revealAnyway(file) {
    if (file === undefined || !this.#follow.state.files.includes(file)) return;
    if (!this.#shown.files.includes(file)) this.#showAll();
    this.#listing.reveal(file);
    this.#listing.focus();
    this.#showSelected();
  }

  #wire() {
    const search = this.#find('search');
    search.addEventListener('input', this.#draw);
    search.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowDown') this.#enterListing();
      else if (event.key === 'Escape') this.#showAll();
      else return;
      event.preventDefault();
    });
    this.#find('listing').addEventListener('keydown', ({ key }) => key === 'Escape' && this.#showAll());
    this.#find('clear').addEventListener('click', () => {
      this.#showAll();
      search.focus();
    });
    this.#find('all').addEventListener('click', () => {
      this.#choose(null, this.#listing.active);
      this.#listing.focus();
    });
    this.#find('selected-only').addEventListener('click', () => {
      const file = this.#listing.active;
      if (file) this.#choose(file.watcher, file);
      this.#listing.focus();
    });
  }

  #shortcut(event) {
    const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#find('search').focus();
    this.#find('search').select();
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
