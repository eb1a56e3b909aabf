import { oncePerFrame } from './frame.js';

/** A row's height, in the page's text size; all rows have it, so that any row's place is known without laying it out. */
const ROW_REM = 2.75;

/** Rows kept ready beyond either edge of what is visible. */
const SPARE_ROWS = 6;

/** Browsers cap an element's height at some 17 million pixels. A longer listing scrolls in larger steps. */
const HEIGHT_MAX_PX = 15_000_000;

/** How long a changed row stands out. The animation in numbers.css takes as long. */
const GLOW_MS = 2_500;

/** Elements of all listings of the page have ids of their own. */
let created = 0;

/**
 * A list box of which only the rows in sight exist as elements.
 * @template Item
 */
export class Listing {
  #box;
  #space = document.createElement('div');
  /** @type {Item[]} */ #items = [];
  /** The elements of the rows from `#first` on. */ #rows = [];
  #first = 0;
  #rowPx = 0;
  /** The row that the keyboard is at. */ #active = { key: null, index: -1 };
  /** When each changed row began to stand out, by key. */ #glowing = new Map();
  #glowTimer;
  #draw = oncePerFrame(() => this.#drawNow());
  #resize = new ResizeObserver(() => this.#draw());
  #keyOf;
  #createCells;
  #onPick;
  #onKeyAt;
  #onActive;

  /**
   * @param {HTMLElement} box scrolls; has the role `listbox`
   * @param {object} options
   * @param {(item: Item) => string} options.keyOf what tells an item from all others
   * @param {(row: HTMLElement) => (item: Item) => void} options.createCells fills a new row; what it returns shows an item there
   * @param {(item: Item, event: Event) => void} options.onPick called with an item whose row was clicked or entered
   * @param {(item: Item, event: KeyboardEvent) => boolean} [options.onKey] called with other keys at an item's row; true: done
   * @param {() => void} [options.onActive] called when the keyboard, or a click, went to another row
   */
  constructor(box, { keyOf, createCells, onPick, onKey = () => false, onActive = () => {} }) {
    this.#box = box;
    this.#keyOf = keyOf;
    this.#createCells = createCells;
    this.#onPick = onPick;
    this.#onKeyAt = onKey;
    this.#onActive = onActive;
    this.#space.className = 'rows';
    this.#space.setAttribute('role', 'none');
    box.append(this.#space);
    box.addEventListener('scroll', this.#draw, { passive: true });
    box.addEventListener('keydown', (event) => this.#onKey(event));
    box.addEventListener('click', (event) => this.#onClick(event));
    box.addEventListener('focus', () => this.#onFocus());
    this.#resize.observe(box);
  }

  /** The item that the keyboard is at, if it is at any. @returns {Item | undefined} */
  get active() {
    return this.#items[this.#active.index];
  }

  /**
   * @param {Item[]} items
   * @param {{changed?: string[], fromTop?: boolean}} [options] `changed`: keys whose rows shall stand out;
   *   `fromTop`: it is another selection of items, so the place where one was means nothing
   */
  show(items, { changed = [], fromTop = false } = {}) {
    const nowMs = performance.now();
    for (const key of changed) this.#glowing.set(key, nowMs);
    const anchor = fromTop || this.#box.scrollTop === 0 ? undefined : this.#items[this.#firstVisible()];
    const anchorIndex = anchor !== undefined ? this.#firstVisible() : 0;
    this.#items = items;
    this.#measure();
    if (fromTop) {
      this.#box.scrollTop = 0;
      this.#active = { key: null, index: -1 };
    } else {
      const moved = anchor !== undefined ? this.#indexOf(this.#keyOf(anchor), anchorIndex) - anchorIndex : 0;
      if (moved !== 0 && moved >= -anchorIndex) this.#box.scrollTop += (moved * this.#rowPx) / this.#step();
      this.#keepActive();
    }
    this.#drawNow();
  }

  /** Scrolls to an item's row, if there is one. */
  reveal(key) {
    const index = this.#indexOf(key, 0);
    if (index < 0) return;
    this.#active = { key, index };
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
    const height = `${Math.min(this.#items.length * this.#rowPx, HEIGHT_MAX_PX)}px`;
    if (this.#space.style.height !== height) this.#space.style.height = height;
    // The head of the columns makes room for the scrollbar, if there is one.
    this.#box.parentElement.classList.toggle('scrolls', this.#box.scrollHeight > this.#box.clientHeight);
  }

  /** How many pixels of rows one pixel of scrolling passes: 1, but for very long listings. */
  #step() {
    const rowsPx = this.#items.length * this.#rowPx;
    const viewPx = this.#box.clientHeight;
    return rowsPx <= HEIGHT_MAX_PX ? 1 : (rowsPx - viewPx) / (HEIGHT_MAX_PX - viewPx);
  }

  #firstVisible() {
    return Math.floor((this.#box.scrollTop * this.#step()) / this.#rowPx);
  }

  /** Looks near a guess first: a listing seldom changes by much. */
  #indexOf(key, guess) {
    if (guess < this.#items.length && this.#keyOf(this.#items[guess]) === key) return guess;
    return this.#items.findIndex((item) => this.#keyOf(item) === key);
  }

  /** The keyboard stays with its item; if that one is gone, with what is there now. */
  #keepActive() {
    const { key, index } = this.#active;
    if (key === null) return;
    const now = this.#indexOf(key, index);
    this.#setActive(now < 0 ? Math.min(index, this.#items.length - 1) : now);
  }

  #setActive(index) {
    this.#active = { key: index < 0 ? null : this.#keyOf(this.#items[index]), index };
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
    const end = Math.min(this.#items.length, this.#firstVisible() + visible + SPARE_ROWS);
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
    element.id = `row-${++created}`;
    element.className = 'row';
    element.setAttribute('role', 'option');
    const fill = this.#createCells(element);
    this.#space.append(element);
    return { element, fill, item: undefined, glowsSinceMs: undefined };
  }

  #fill(row, index, topPx) {
    const { element } = row;
    const transform = `translateY(${topPx}px)`;
    if (element.style.transform !== transform) element.style.transform = transform;
    row.item = this.#items[index];
    row.fill(row.item);
    element.ariaPosInSet = index + 1;
    element.ariaSetSize = this.#items.length;
    element.ariaSelected = index === this.#active.index;
    this.#glow(row, this.#glowing.get(this.#keyOf(row.item)));
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
    for (const [key, sinceMs] of this.#glowing) {
      if (nowMs - sinceMs >= GLOW_MS) this.#glowing.delete(key);
      else restMs = Math.min(restMs, sinceMs + GLOW_MS - nowMs);
    }
    if (restMs < Infinity) this.#glowTimer = setTimeout(this.#draw, restMs);
  }

  #activate(index) {
    const last = this.#items.length - 1;
    if (last < 0) return;
    const to = Math.min(Math.max(index, 0), last);
    this.#setActive(to);
    this.#scrollTo(to);
    this.#draw();
    this.#onActive();
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
      End: this.#items.length - 1,
    }[event.key];
    if (to !== undefined) this.#activate(to);
    else if (this.active === undefined) return;
    else if (event.key === 'Enter' || event.key === ' ') this.#onPick(this.active, event);
    else if (!this.#onKeyAt(this.active, event)) return;
    event.preventDefault();
  }

  #onClick(event) {
    const element = event.target.closest('.row');
    const i = this.#rows.findIndex((row) => row.element === element);
    if (i < 0) return;
    this.#activate(this.#first + i);
    this.#onPick(this.#rows[i].item, event);
  }
}
