import { DigestCheck } from './digest-check.js';
import { ReplicaKeeper } from './replica-keeper.js';
import { randomHex } from './replica-store.js';
import { ReplicaSync } from './replica-sync.js';
import { Replica } from './replica.js';
import { fetchDigest } from './service.js';
import { connect } from '../tercet.js';

/**
 * A replica with all that belongs to it: kept in this browser, in step with the server, compared with it.
 *
 * Events: `change`, when anything of it may look different.
 */
export class OpenReplica extends EventTarget {
  /** @type {import('./replica-store.js').Keeping} */ keeping = 'kept';
  /** Operations that wait in copies of the set which no page has open. */ leftBehind = 0;
  #store;
  #slot;
  #keeper;
  /** The browser asks before it closes a page with which something would be lost. */
  #onLeave = (event) => this.keeping === 'refused' && this.replica.waiting.length > 0 && event.preventDefault();

  /** Use {@link openReplica}. */
  constructor(store, slot) {
    super();
    this.#store = store;
    this.#slot = slot;
    this.replica = new Replica({ set: slot.set, name: `tab-${randomHex(8)}` });
    this.#keeper = new ReplicaKeeper(this.replica, slot, (keeping) => {
      this.keeping = keeping;
      this.#tell();
    });
    this.sync = new ReplicaSync(this.replica, () => connect('/ws/sets'));
    this.check = new DigestCheck(this.replica, this.sync, () => fetchDigest(slot.set));
    this.replica.addEventListener('change', () => this.#tell());
    this.sync.addEventListener('state', () => this.#tell());
    this.check.addEventListener('result', () => this.#tell());
    addEventListener('beforeunload', this.#onLeave);
    this.#countLeftBehind();
  }

  /** Takes over what waits in copies of the set which no page has open. */
  async takeOver() {
    await this.#store.takeOver(this.#slot, (waiting) => this.replica.adopt(waiting));
    await this.#countLeftBehind();
  }

  end() {
    removeEventListener('beforeunload', this.#onLeave);
    this.check.end();
    this.sync.end();
    this.#keeper.end();
  }

  async #countLeftBehind() {
    this.leftBehind = await this.#store.countLeftBehind(this.#slot);
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new CustomEvent('change'));
  }
}

/**
 * @param {import('./replica-store.js').ReplicaStore} store
 * @param {string} set
 * @param {string} side which of the replicas of this page it is
 */
export async function openReplica(store, set, side) {
  return new OpenReplica(store, await store.claim(set, side));
}
