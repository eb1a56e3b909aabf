/** All must be quiet for this long before the digests are compared, */
const QUIET_MS = 400;

/** and for this long for each element: what it costs the server a second is the same for small sets and large ones. */
const QUIET_PER_ELEMENT_MS = 0.1;

/** After a comparison that said nothing, because something changed meanwhile, the next waits for this long besides. */
const AGAIN_MS = 5_000;

/**
 * Finds out whether a replica holds what the server holds, by comparing their digests whenever the replica is in step and
 * nothing changes. The server pays for a digest with a walk through the set, so it is asked seldom.
 *
 * Events: `result`, when there is one, and when it is void again.
 */
export class DigestCheck extends EventTarget {
  /**
   * @type {{cursor: string, digest: string | null, isSame: boolean} | null} null: not known; a digest that is null: this
   *   browser cannot compute any here, so only the numbers of values were compared
   */
  result = null;
  #replica;
  #sync;
  #fetchDigest;
  #timer = null;
  #changes = 0;
  #isAsking = false;
  #extraMs = 0;
  #ended = false;
  #onChange = () => this.#changed();

  /**
   * @param {import('./replica.js').Replica} replica
   * @param {import('./replica-sync.js').ReplicaSync} sync
   * @param {() => Promise<{cursor: string, count: number, digest: string}>} fetchDigest the server's
   */
  constructor(replica, sync, fetchDigest) {
    super();
    this.#replica = replica;
    this.#sync = sync;
    this.#fetchDigest = fetchDigest;
    replica.addEventListener('change', this.#onChange);
    sync.addEventListener('state', this.#onChange);
    this.#changed();
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#replica.removeEventListener('change', this.#onChange);
    this.#sync.removeEventListener('state', this.#onChange);
  }

  get #isInStep() {
    return this.#sync.phase === 'live' && this.#replica.isConfirmed;
  }

  #changed() {
    const isValid = this.#isInStep && this.result?.cursor === this.#replica.cursor;
    if (isValid) return;
    this.#changes++;
    this.#setResult(null);
    if (this.#isInStep) this.#askLater();
    else clearTimeout(this.#timer);
  }

  #askLater() {
    clearTimeout(this.#timer);
    const quietMs = QUIET_MS + this.#replica.confirmedSize * QUIET_PER_ELEMENT_MS;
    this.#timer = setTimeout(() => this.#ask(), quietMs + this.#extraMs);
  }

  async #ask() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const changes = this.#changes;
    const { cursor, confirmedSize } = this.#replica;
    const [theirs, digest] = await Promise.all([this.#fetchDigest().catch(() => null), this.#replica.digest()]);
    this.#isAsking = false;
    if (this.#ended) return;
    if (changes === this.#changes && theirs?.cursor === cursor) {
      this.#extraMs = 0;
      this.#setResult({
        cursor,
        digest,
        isSame: digest === null ? theirs.count === confirmedSize : theirs.digest === digest,
      });
    } else if (this.#isInStep) {
      this.#extraMs = AGAIN_MS;
      this.#askLater();
    }
  }

  #setResult(result) {
    if (this.#ended || this.result === result) return;
    this.result = result;
    this.dispatchEvent(new CustomEvent('result'));
  }
}
