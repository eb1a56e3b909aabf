import { oncePerFrame } from './frame.js';

/** A row's height, in the page's text size; all rows have it, so that any row's place is known without laying it out. */
const ROW_REM = 2.75;

/** Rows kept ready beyond either edge of what is visible. */
const SPARE_ROWS = 6;

/** Browsers cap an element's height at some 17 million pixels. A longer listing scrolls in larger steps. */
const HEIGHT_MAX_PX = 15_000_000;

/** How long a changed row stands out. The animation in numbers.css takes as long. */
const GLOW_MS = 2_500;

/** A list box of users, of which only the rows in sight exist as elements. */
export class Listing {
  #box;
  #space = document.createElement('div');
  #users = [];
  /** The elements of the rows from `#first` on. */ #rows = [];
  #first = 0;
  #created = 0;
  #rowPx = 0;
  /** The row that the keyboard is at. */ #active = { name: null, index: -1 };
  /** When each changed row began to stand out, by name. */ #glowing = new Map();
  #glowTimer;
  #draw = oncePerFrame(() => this.#drawNow());
  #resize = new ResizeObserver(() => this.#draw());
  #onPick;

  /**
   * @param {HTMLElement} box scrolls; has the role `listbox`
   * @param {(user: import('./change.js').User) => void} onPick called with a user whose row was clicked or entered
   */
  constructor(box, onPick) {
    this.#box = box;
    this.#onPick = onPick;
    this.#space.className = 'rows';
    this.#space.setAttribute('role', 'none');
    box.append(this.#space);
    box.addEventListener('scroll', this.#draw, { passive: true });
    box.addEventListener('keydown', (event) => this.#onKey(event));
    box.addEventListener('click', (event) => this.#onClick(event));
    box.addEventListener('focus', () => this.#onFocus());
    this.#resize.observe(box);
  }

  /**
   * @param {import('./change.js').User[]} users
   * @param {{changed?: string[], fromTop?: boolean}} [options] `changed`: names whose rows shall stand out;
   *   `fromTop`: it is another selection of users, so the place where one was means nothing
   */
  show(users, { changed = [], fromTop = false } = {}) {
    const nowMs = performance.now();
    for (const name of changed) this.#glowing.set(name, nowMs);
    const anchor = fromTop || this.#box.scrollTop === 0 ? undefined : this.#users[this.#firstVisible()];
    const anchorIndex = anchor && this.#firstVisible();
    this.#users = users;
    this.#measure();
    if (fromTop) {
      this.#box.scrollTop = 0;
      this.#active = { name: null, index: -1 };
    } else {
      const moved = anchor ? this.#indexOf(anchor.UserName, anchorIndex) - anchorIndex : 0;
      if (moved !== 0 && moved >= -anchorIndex) this.#box.scrollTop += (moved * this.#rowPx) / this.#step();
      this.#keepActive();
    }
    this.#drawNow();
  }

  /** Scrolls to a user's row, if there is one. */
  reveal(name) {
    const index = this.#indexOf(name, 0);
    if (index < 0) return;
    this.#active = { name, index };
    this.#scrollTo(index);
    this.#drawNow();
  }

  focus() {
    this.#box.focus();
  }

  end() {
    this.#resize.disconnect();
    clearTimeout(this.#glowTimer);
  }

  #measure() {
    this.#rowPx = ROW_REM * parseFloat(getComputedStyle(document.documentElement).fontSize);
    const height = `${Math.min(this.#users.length * this.#rowPx, HEIGHT_MAX_PX)}px`;
    if (this.#space.style.height !== height) this.#space.style.height = height;
    // The head of the columns makes room for the scrollbar, if there is one.
    this.#box.parentElement.classList.toggle('scrolls', this.#box.scrollHeight > this.#box.clientHeight);
  }

  /** How many pixels of rows one pixel of scrolling passes: 1, but for very long listings. */
  #step() {
    const rowsPx = this.#users.length * this.#rowPx;
    const viewPx = this.#box.clientHeight;
    return rowsPx <= HEIGHT_MAX_PX ? 1 : (rowsPx - viewPx) / (HEIGHT_MAX_PX - viewPx);
  }

  #firstVisible() {
    return Math.floor((this.#box.scrollTop * this.#step()) / this.#rowPx);
  }

  /** Looks near a guess first: a listing seldom changes by much. */
  #indexOf(name, guess) {
    if (this.#users[guess]?.UserName === name) return guess;
    return this.#users.findIndex(({ UserName }) => UserName === name);
  }

  /** The keyboard stays with its user; if that one is gone, with whoever is there now. */
  #keepActive() {
    const { name, index } = this.#active;
    if (name === null) return;
    const now = this.#indexOf(name, index);
    const to = now < 0 ? Math.min(index, this.#users.length - 1) : now;
    this.#active = { name: this.#users[to]?.UserName ?? null, index: to };
  }

  #scrollTo(index) {
    const [top, viewPx] = [index * this.#rowPx, this.#box.clientHeight];
    const step = this.#step();
    const topPx = this.#box.scrollTop * step;
    if (top < topPx) this.#box.scrollTop = top / step;
    else if (top + this.#rowPx > topPx + viewPx) this.#box.scrollTop = (top + this.#rowPx - viewPx) / step;
  }

  #drawNow() {
    this.#measure();
    this.#dim();
    const { scrollTop, clientHeight } = this.#box;
    const shiftPx = scrollTop - scrollTop * this.#step();
    const visible = Math.ceil(clientHeight / this.#rowPx) + 1;
    const first = Math.max(0, this.#firstVisible() - SPARE_ROWS);
    const end = Math.min(this.#users.length, this.#firstVisible() + visible + SPARE_ROWS);
    this.#window(first, Math.max(0, end - first));
    this.#rows.forEach((row, i) => this.#fill(row, first + i, (first + i) * this.#rowPx + shiftPx));
    const active = this.#rows[this.#active.index - first];
    if (active) this.#box.setAttribute('aria-activedescendant', active.element.id);
    else this.#box.removeAttribute('aria-activedescendant');
  }

  /** Has an element for each of `count` rows from `first` on, in order; those that stay in sight stay as they are. */
  #window(first, count) {
    const moved = first - this.#first;
    this.#first = first;
    if (Math.abs(moved) < this.#rows.length) {
      if (moved > 0) this.#rows.push(...this.#rows.splice(0, moved));
      if (moved < 0) this.#rows.unshift(...this.#rows.splice(moved));
      const elements = this.#rows.map(({ element }) => element);
      if (moved > 0) this.#space.append(...elements.slice(-moved));
      if (moved < 0) this.#space.prepend(...elements.slice(0, -moved));
    }
    while (this.#rows.length > count) this.#rows.pop().element.remove();
    while (this.#rows.length < count) this.#rows.push(this.#createRow());
  }

  #createRow() {
    const element = document.createElement('div');
    element.id = `row-${++this.#created}`;
    element.className = 'row';
    element.setAttribute('role', 'option');
    const name = document.createElement('span');
    name.className = 'row-name';
    name.dir = 'auto'; // a name in Arabic must not turn its number around
    const number = document.createElement('span');
    number.className = 'row-number';
    element.append(name, ' ', number);
    this.#space.append(element);
    return { element, name, number, user: null, glowsSinceMs: undefined };
  }

  #fill(row, index, topPx) {
    const { element } = row;
    const user = this.#users[index];
    const { UserName: name, FavoriteNumber: favorite } = user;
    const transform = `translateY(${topPx}px)`;
    if (element.style.transform !== transform) element.style.transform = transform;
    if (row.user?.UserName !== name) {
      row.name.textContent = row.name.title = element.dataset.user = name;
    }
    if (row.user?.FavoriteNumber !== favorite) {
      const digits = String(favorite);
      row.number.textContent = element.dataset.number = digits;
      row.number.classList.toggle('long', digits.length > 12);
    }
    row.user = user;
    element.ariaPosInSet = index + 1;
    element.ariaSetSize = this.#users.length;
    element.ariaSelected = index === this.#active.index;
    this.#glow(row, this.#glowing.get(name));
  }

  #glow(row, sinceMs) {
    if (row.glowsSinceMs === sinceMs) return;
    row.glowsSinceMs = sinceMs;
    row.element.classList.remove('changed');
    if (sinceMs === undefined) return;
    void row.element.offsetWidth; // lets the animation start anew
    row.element.style.animationDelay = `${sinceMs - performance.now()}ms`;
    row.element.classList.add('changed');
  }

  /** Forgets the changes that have stood out for long enough, and comes back for the next. */
  #dim() {
    clearTimeout(this.#glowTimer);
    const nowMs = performance.now();
    let restMs = Infinity;
    for (const [name, sinceMs] of this.#glowing) {
      if (nowMs - sinceMs >= GLOW_MS) this.#glowing.delete(name);
      else restMs = Math.min(restMs, sinceMs + GLOW_MS - nowMs);
    }
    if (restMs < Infinity) this.#glowTimer = setTimeout(this.#draw, restMs);
  }

  #activate(index) {
    const last = this.#users.length - 1;
    if (last < 0) return;
    const to = Math.min(Math.max(index, 0), last);
    this.#active = { name: this.#users[to].UserName, index: to };
    this.#scrollTo(to);
    this.#draw();
  }

  #onFocus() {
    const byKeyboard = this.#box.matches(':focus-visible');
    if (byKeyboard && this.#active.index < 0) this.#activate(this.#firstVisible());
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { index } = this.#active;
    const page = Math.max(1, Math.floor(this.#box.clientHeight / this.#rowPx) - 1);
    const to = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + page,
      PageUp: index - page,
      Home: 0,
      End: this.#users.length - 1,
    }[event.key];
    if (to !== undefined) this.#activate(to);
    else if ((event.key === 'Enter' || event.key === ' ') && this.#users[index]) this.#onPick(this.#users[index]);
    else return;
    event.preventDefault();
  }

  #onClick(event) {
    const element = event.target.closest('.row');
    const i = this.#rows.findIndex((row) => row.element === element);
    if (i < 0) return;
    this.#activate(this.#first + i);
    this.#onPick(this.#rows[i].user);
  }
}
