/** Who is watched: those whom the page shows, and with whom there is a conversation. */

/** Users in a request to watch, */
const REQUEST_MAX = 100;
/** and who are watched at once: more than a screen shows, and far below what a connection may have. */
export const WATCHED_MAX = 200;

export class Watching {
  #request;
  #learn;
  #forget;
  #watched = new Set();
  #isAsking = false;
  /** @type {Set<string>} */ #wanted = new Set();

  /**
   * @param {object} options
   * @param {(request: object) => Promise<any>} options.request
   * @param {(users: object[]) => void} options.learn takes what is told
   * @param {(users: string[]) => void} options.forget nobody tells of these any more
   */
  constructor({ request, learn, forget }) {
    [this.#request, this.#learn, this.#forget] = [request, learn, forget];
  }

  /** These are shown from now on. */
  want(users) {
    this.#wanted = new Set(users.slice(0, WATCHED_MAX));
    this.#ask();
  }

  /** The connection is another one, on which nobody is watched yet. */
  startAnew() {
    this.#watched = new Set();
    this.#ask();
  }

  /** One request after the other, until those are watched who are shown. */
  async #ask() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      for (let next = this.#next(); next; next = this.#next()) await this.#carryOut(next);
    } catch {
      // Without a connection, and if it fails, the next one starts anew.
    }
    this.#isAsking = false;
  }

  #next() {
    const off = [...this.#watched].filter((user) => !this.#wanted.has(user)).slice(0, REQUEST_MAX);
    const on = [...this.#wanted].filter((user) => !this.#watched.has(user)).slice(0, REQUEST_MAX);
    return off.length > 0 ? { type: 'unwatch', users: off } : on.length > 0 ? { type: 'watch', users: on } : null;
  }

  async #carryOut({ type, users }) {
    const watched = this.#watched;
    const answer = await this.#request({ type, users });
    if (watched !== this.#watched) return; // that was another connection
    for (const user of users) {
      if (type === 'watch') watched.add(user);
      else watched.delete(user);
    }
    if (type === 'watch') this.#learn(answer.users);
    else this.#forget(users);
  }
}
