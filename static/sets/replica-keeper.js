/** How long what others changed may be in memory only: the server has it. */
const WRITE_AFTER_MS = 1_000;

/**
 * Writes a replica to its slot: with each change made here before anything else happens, with others' changes a moment
 * later, and when the page is left.
 */
export class ReplicaKeeper {
  #replica;
  #slot;
  #onKeeping;
  #keeping;
  #timer = null;
  #ownDue = false;
  #onChange = ({ detail }) => this.#changed(detail);
  #onLeave = () => this.flush();

  /**
   * @param {import('./replica.js').Replica} replica takes back what is kept in the slot
   * @param {import('./replica-store.js').Slot} slot
   * @param {(keeping: import('./replica-store.js').Keeping) => void} onKeeping called when it turns out what storage takes
   */
  constructor(replica, slot, onKeeping) {
    this.#replica = replica;
    this.#slot = slot;
    this.#onKeeping = onKeeping;
    const own = slot.readOwn();
    replica.restore(own, slot.readCopy());
    if (own) replica.title ||= own.title ?? '';
    replica.addEventListener('change', this.#onChange);
    globalThis.addEventListener?.('pagehide', this.#onLeave);
    slot.writeOwn(replica);
    this.#tell();
  }

  /** Writes what is not written yet. */
  flush() {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#slot.writeAll(this.#replica);
    this.#tell();
  }

  /** Writes the rest and lets another page have the slot. */
  end() {
    this.flush();
    this.#replica.removeEventListener('change', this.#onChange);
    globalThis.removeEventListener?.('pagehide', this.#onLeave);
    this.#slot.release();
  }

  #changed({ own }) {
    this.#timer ??= setTimeout(this.#onLeave, WRITE_AFTER_MS);
    if (!own || this.#ownDue) return;
    // Once for all that is changed in one go.
    this.#ownDue = true;
    queueMicrotask(() => {
      this.#ownDue = false;
      this.#slot.writeOwn(this.#replica);
      this.#tell();
    });
  }

  #tell() {
    if (this.#slot.keeping === this.#keeping) return;
    this.#keeping = this.#slot.keeping;
    this.#onKeeping(this.#keeping);
  }
}
