/** Stands in for a browser's storage. */
export class FakeStorage {
  #items = new Map();

  /** @param {number} lengthMax UTF-16 units, of keys and values together */
  constructor(lengthMax = Infinity) {
    this.lengthMax = lengthMax;
  }

  get length() {
    return this.#items.size;
  }

  key(index) {
    return [...this.#items.keys()][index] ?? null;
  }

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, text) {
    let length = key.length + text.length;
    for (const [other, value] of this.#items) if (other !== key) length += other.length + value.length;
    if (length > this.lengthMax) throw new DOMException('full', 'QuotaExceededError');
    this.#items.set(key, text);
  }

  removeItem(key) {
    this.#items.delete(key);
  }
}

/** Stands in for a browser's locks. Those who may not wait are refused, those who may wait at most until their signal. */
export class FakeLocks {
  #held = new Set();
  #queue = [];

  request(name, { ifAvailable = false, signal }, work) {
    if (!this.#held.has(name)) return this.#run(name, work);
    if (ifAvailable) return Promise.resolve(work(null));
    return new Promise((resolve, reject) => {
      const waiting = { name, start: () => resolve(this.#run(name, work)) };
      this.#queue.push(waiting);
      signal?.addEventListener('abort', () => {
        this.#queue = this.#queue.filter((other) => other !== waiting);
        reject(signal.reason);
      });
    });
  }

  async #run(name, work) {
    this.#held.add(name);
    try {
      return await work({ name });
    } finally {
      this.#held.delete(name);
      const next = this.#queue.find((waiting) => waiting.name === name);
      this.#queue = this.#queue.filter((waiting) => waiting !== next);
      next?.start();
    }
  }
}
