/** Of several connections the one that most needs a look is shown. */
const GRAVITY = ['offline', 'open', 'connecting', 'lost', 'stopped'];

const IDLE = Object.freeze({ state: 'idle' });

/** Several connections, seen as one. Events: `state`. */
export class SeveralConnections extends EventTarget {
  #connections = [];
  #onState = () => this.dispatchEvent(new CustomEvent('state', { detail: this.status }));

  /** @param {EventTarget & {status: import('../tercet.js').Status, reconnectNow: () => void}} connection */
  add(connection) {
    this.#connections.push(connection);
    connection.addEventListener('state', this.#onState);
    this.#onState();
  }

  remove(connection) {
    this.#connections = this.#connections.filter((other) => other !== connection);
    connection.removeEventListener('state', this.#onState);
    this.#onState();
  }

  get status() {
    const gravity = ({ state }) => GRAVITY.indexOf(state);
    const statuses = this.#connections.map(({ status }) => status);
    return statuses.reduce((worst, status) => (gravity(status) > gravity(worst) ? status : worst), IDLE);
  }

  /** Those that are shown as they are because of what they wait for. */
  reconnectNow() {
    const { state } = this.status;
    for (const connection of this.#connections) if (connection.status.state === state) connection.reconnectNow();
  }
}
