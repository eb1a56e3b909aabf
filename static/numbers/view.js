/** The numbers view: set a number, watch everyone's. */
import { changeInWords, changesBetween } from './change.js';
import { oncePerFrame } from '../shared/frame.js';
import { Lately } from '../shared/lately.js';
import { Listing } from '../shared/listing.js';
import { markup } from './markup.js';
import { NumberForm } from './form.js';
import { Search } from '../shared/search.js';
import { connect, follow } from '../tercet.js';
import { createUserCells } from './row.js';

const nameOf = ({ UserName }) => UserName;

const GROUPED = new Intl.NumberFormat('en');

export const numbers = {
  id: 'numbers',
  title: 'Numbers',
  mount(main) {
    main.innerHTML = markup;
    const view = new NumbersView(main, connect('/ws/numbers'));
    return { connection: view.connection, unmount: () => view.end() };
  },
};

class NumbersView {
  #find;
  #form;
  #listing;
  #lately;
  #search = new Search(nameOf);
  /** The newest listing's users, and those on the screen; null before the first. */
  #newest = null;
  #shown = null;
  #shownQuery = '';
  /** Whose row to scroll to as soon as it is there. */ #awaited = null;
  #unfollow;
  #draw = oncePerFrame(() => this.#drawNow());
  #onKey = (event) => this.#shortcut(event);

  constructor(root, connection) {
    this.connection = connection;
    this.#find = (id) => root.querySelector(`#${id}`);
    this.#form = new NumberForm(this.#find('entry'), {
      connection,
      isKnown: (name) => this.#has(name),
      onSet: (name) => this.#reveal(name),
    });
    this.#listing = new Listing(this.#find('listing'), {
      keyOf: nameOf,
      createCells: createUserCells,
      onPick: (user) => this.#form.fill(user),
    });
    this.#lately = new Lately(this.#find('lately'), changeInWords, (name) => this.#revealAnyway(name));
    this.#wireSearch();
    document.addEventListener('keydown', this.#onKey);
    connection.addEventListener('message', ({ detail }) => {
      if (detail.error && detail.id === undefined) this.#form.fail({ ...detail.error, sent: true });
    });
    this.#unfollow = follow(connection, {
      ask: { Cmd: 2 },
      accepts: ({ Users }) => Array.isArray(Users),
      onListing: ({ Users }) => {
        this.#newest = Users;
        this.#draw();
      },
      onFresh: (fresh) => this.#showFreshness(fresh),
    });
    this.#draw();
  }

  end() {
    document.removeEventListener('keydown', this.#onKey);
    this.#unfollow();
    this.#listing.end();
    this.connection.close();
  }

  #drawNow() {
    const query = this.#find('search').value;
    const changes = this.#shown && this.#newest !== this.#shown ? changesBetween(this.#shown, this.#newest) : [];
    const users = this.#newest ?? [];
    const matches = this.#search.filter(users, query);
    this.#listing.show(matches, { changed: changes.map(({ name }) => name), fromTop: query !== this.#shownQuery });
    this.#lately.add(changes);
    this.#shown = this.#newest;
    this.#shownQuery = query;
    this.#showCount(matches.length, users.length, query);
    this.#showEmpty(matches.length, users.length, query);
    if (this.#awaited !== null && this.#has(this.#awaited)) {
      this.#listing.reveal(this.#awaited);
      this.#awaited = null;
    }
  }

  #showCount(matching, all, query) {
    const count = (n) => `${GROUPED.format(n)} ${n === 1 ? 'user' : 'users'}`;
    const searching = query.trim() !== '';
    const text = this.#newest === null ? '' : searching ? `${GROUPED.format(matching)} of ${count(all)}` : count(all);
    if (this.#find('count').textContent !== text) this.#find('count').textContent = text;
  }

  #showEmpty(matching, all, query) {
    const empty = matching === 0;
    this.#find('board').classList.toggle('is-empty', empty);
    this.#find('clear').hidden = !(empty && all > 0);
    if (!empty) return;
    const text =
      this.#newest === null
        ? 'No listing yet. It appears here as soon as the server answers.'
        : all === 0
          ? 'Nobody has a favorite number yet. Be the first.'
          : `No name has “${query.trim()}” in it.`;
    this.#find('empty-text').textContent = text;
  }

  #showFreshness(fresh) {
    const stale = !fresh && this.#newest !== null;
    this.#find('board').classList.toggle('is-stale', stale);
    this.#find('stale').hidden = !stale;
    const time = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
    this.#find('stale').textContent = stale ? `Possibly out of date: no connection since ${time}.` : '';
  }

  #has(name) {
    return this.#newest?.some(({ UserName }) => UserName === name) ?? false;
  }

  #reveal(name) {
    this.#awaited = name;
    this.#draw();
  }

  /** Also if the search hides it. */
  #revealAnyway(name) {
    const users = this.#search.filter(this.#newest ?? [], this.#find('search').value);
    if (!users.some(({ UserName }) => UserName === name)) this.#find('search').value = '';
    this.#reveal(name);
    this.#listing.focus();
  }

  #wireSearch() {
    const search = this.#find('search');
    const clear = () => {
      search.value = '';
      this.#draw();
    };
    search.addEventListener('input', this.#draw);
    search.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowDown') this.#listing.focus();
      else if (event.key === 'Escape') clear();
      else return;
      event.preventDefault();
    });
    this.#find('listing').addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') clear();
    });
    this.#find('clear').addEventListener('click', () => {
      clear();
      search.focus();
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
