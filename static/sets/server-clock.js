/** A difference up to this is none: nobody types so fast, and measuring is not more exact on slow lines. */
export const CLOCK_TOLERANCE_MS = 1_000;

/** What the server's clock says, as far as this device knows: its own clock, corrected by what the server told. */
export class ServerClock {
  #local;

  /**
   * @param {object} [options]
   * @param {() => number} [options.local] this device's clock, in milliseconds since 1970
   * @param {number} [options.offsetMs] how far the server's clock is known to be ahead of it
   */
  constructor({ local = Date.now, offsetMs = 0 } = {}) {
    this.#local = local;
    this.offsetMs = offsetMs;
  }

  localMs() {
    return this.#local();
  }

  nowMs() {
    return this.#local() + this.offsetMs;
  }

  /**
   * Compares with the time in an answer, and corrects the offset if it is wrong by more than the answer's way can explain.
   * @param {number} serverMs the server's time when it answered
   * @param {number} sentMs this device's time when it asked, and
   * @param {number} receivedMs when it had the answer
   */
  hear(serverMs, sentMs, receivedMs) {
    if (!Number.isSafeInteger(serverMs)) return;
    const wayMs = Math.max(0, receivedMs - sentMs) / 2;
    const offsetMs = Math.round(serverMs - (sentMs + wayMs));
    if (Math.abs(offsetMs - this.offsetMs) > CLOCK_TOLERANCE_MS + wayMs) this.offsetMs = offsetMs;
  }
}
