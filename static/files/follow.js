/** Keeps a copy of the listing up to date over a connection. It needs no page. */
import { backoffMs } from '../client/backoff.js';
import { fetchFiles, fetchNodes } from './service.js';
import { FilesState } from './state.js';

/** On a new connection the service tells everything by itself; after so long it is asked. */
const SNAPSHOT_WAIT_MS = 5_000;

/** Pushes that may wait for an answer; with more of them it is asked again. */
const HELD_MAX = 1_000;

/** How often is asked how the watchers are doing: as often as they say hello. */
const NODES_MS = 5_000;

/** After the watchers changed it is asked so much later, once for all that change together. */
const NODES_SOON_MS = 300;

/**
 * Events: `change` (the copy or `nodes` changed), `fresh` (the copy began or ceased to be up to date, or `trouble` is
 * another).
 */
export class FilesFollow extends EventTarget {
  state = new FilesState();
  /** How the watchers are doing, by number. @type {Map<number, {files: number, lag_ms: number, trouble?: string}>} */
  nodes = new Map();
  /** How many files there are, as far as is known where not all are followed. @type {number | null} */
  count = null;
  isFresh = false;
  /** Why the service did not answer when it was last asked. @type {Error | null} */
  trouble = null;

  #connection;
  #fetchFiles;
  #fetchNodes;
  #isVisible;
  /** Each connection is another one: what was asked on one before means nothing. */ #turn = 0;
  #isAsking = false;
  #held = [];
  #attempt = 0;
  #timer;
  #nodesTimer;
  /** A place in the log that the service has reached; by the next look this must have, too. */ #ahead = null;
  #onMessage = ({ detail }) => this.#hear(detail);
  #onState = () => this.#connection.state !== 'open' && this.#lose();
  #onOpen = () => this.#begin();

  /**
   * @param {import('../tercet.js').Connection} connection
   * @param {object} [options]
   * @param {typeof fetchFiles} [options.fetchFiles]
   * @param {typeof fetchNodes} [options.fetchNodes]
   * @param {() => boolean} [options.isVisible] whether somebody can see how the watchers are doing
   */
  constructor(connection, options = {}) {
    super();
    const isVisible = () => globalThis.document?.visibilityState !== 'hidden';
    ({
      fetchFiles: this.#fetchFiles,
      fetchNodes: this.#fetchNodes,
      isVisible: this.#isVisible,
    } = { fetchFiles, fetchNodes, isVisible, ...options });
    this.#connection = connection;
    connection.addEventListener('message', this.#onMessage);
    connection.addEventListener('state', this.#onState);
    connection.addEventListener('open', this.#onOpen);
    if (connection.state === 'open') this.#begin();
  }

  end() {
    this.#connection.removeEventListener('message', this.#onMessage);
    this.#connection.removeEventListener('state', this.#onState);
    this.#connection.removeEventListener('open', this.#onOpen);
    this.#stop();
  }

  #stop() {
    this.#turn++;
    this.#isAsking = false;
    this.#held = [];
    clearTimeout(this.#timer);
    clearTimeout(this.#nodesTimer);
  }

  #lose() {
    this.#stop();
    this.#setFresh(false, null);
  }

  #begin() {
    this.#stop();
    this.#attempt = 0;
    this.#ahead = null;
    this.#timer = setTimeout(() => this.#ask(), SNAPSHOT_WAIT_MS);
    this.#lookSoon(0);
  }

  #hear(message) {
    if (message.id !== undefined || !isOurs(message)) return; // answers go to who asked
    const isEarly = message.type === 'changes' && this.state.cursor === null;
    if (!this.#isAsking && !isEarly) {
      this.#take(message);
      return this.#release();
    }
    if (this.#held.length === HELD_MAX) this.#held = [];
    this.#held.push(message);
  }

  /** Those that must wait still, wait again. */
  #release() {
    for (const message of this.#held.splice(0)) this.#hear(message);
  }

  #take(message, options) {
    if (message.type !== 'changes' && message.files === undefined) return this.#readPages(message);
    const outcome = this.state.take(message, options);
    if (outcome === 'hole') return this.#ask();
    clearTimeout(this.#timer);
    this.#setFresh(true, null); // also by what is old: it says that there is nothing newer
    if (outcome === 'old') return;
    this.dispatchEvent(new Event('change'));
    const hasWatchers = message.type !== 'changes' || message.changes.some(({ op }) => op === 'watcher' || op === 'gone');
    if (hasWatchers) this.#lookSoon(NODES_SOON_MS);
  }

  /** Asks for what came since, until nothing is missing. */
  async #ask() {
    await this.#alone(async (isCurrent) => {
      for (let more = true; more; ) {
        const { cursor } = this.state;
        const answer = await this.#connection.request({ type: 'watch', ...(cursor !== null && { cursor }) });
        if (!isCurrent() || !isOurs(answer)) return;
        if (answer.type !== 'changes' && answer.files === undefined) {
          await this.#replaceByPages(answer, isCurrent);
        } else {
          this.#take(answer, { isAnswer: true });
          more = answer.more === true;
        }
      }
    });
  }

  /** The listing is too long for one message. */
  async #readPages(message) {
    await this.#alone((isCurrent) => this.#replaceByPages(message, isCurrent));
  }

  /**
   * Pages are read one after the other while the listing changes. All that happened since the message follows; what a page
   * has of it already is done twice, which changes nothing.
   */
  async #replaceByPages(message, isCurrent) {
    const { files, isAll } = await this.#fetchFiles();
    if (!isCurrent()) return;
    const [name, watcher] = files.at(-1) ?? [];
    this.count = message.count;
    this.#take({ ...message, files }, { isAnswer: true, end: isAll ? null : { name, watcher } });
  }

  /** Does one thing at a time; pushes wait meanwhile. If it fails, it is asked again, later. */
  async #alone(work) {
    if (this.#isAsking) return;
    this.#isAsking = true;
    clearTimeout(this.#timer);
    const turn = this.#turn;
    const isCurrent = () => turn === this.#turn;
    let error = null;
    await work(isCurrent).catch((caught) => (error = caught));
    if (!isCurrent()) return;
    this.#isAsking = false;
    if (error === null) {
      this.#attempt = 0;
      this.#release();
    } else {
      this.#held = [];
      this.#setFresh(false, error);
      this.#timer = setTimeout(() => this.#ask(), backoffMs(this.#attempt++));
    }
  }

  #lookSoon(waitMs) {
    clearTimeout(this.#nodesTimer);
    this.#nodesTimer = setTimeout(() => this.#look(), waitMs);
  }

  /** How the watchers are doing; and whether the service is further than this is. */
  async #look() {
    const turn = this.#turn;
    if (this.#isVisible()) {
      const answer = await this.#fetchNodes().catch(() => null);
      if (turn !== this.#turn) return;
      if (answer) this.#compare(answer);
    }
    this.#lookSoon(NODES_MS);
  }

  #compare({ nodes, count, cursor }) {
    if (this.#ahead !== null && this.state.isBehind(this.#ahead)) this.#ask();
    this.#ahead = this.state.isBehind(cursor) ? cursor : null;
    this.nodes = new Map(nodes.map((node) => [node.watcher, node]));
    this.count = count;
    this.dispatchEvent(new Event('change'));
  }

  #setFresh(isFresh, trouble) {
    if (isFresh === this.isFresh && trouble === this.trouble) return;
    this.isFresh = isFresh;
    this.trouble = trouble;
    this.dispatchEvent(new Event('fresh'));
  }
}

function isOurs({ type, changes, watchers }) {
  return type === 'changes' ? Array.isArray(changes) : ['snapshot', 'reset'].includes(type) && Array.isArray(watchers);
}
