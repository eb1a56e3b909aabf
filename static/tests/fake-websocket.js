/** Stands in for a WebSocket and for the server behind it. */
export class FakeWebSocket {
  /** All that were made, oldest first. */
  static made = [];
  static get last() {
    return this.made.at(-1);
  }

  sent = [];
  closed = false;

  constructor(url) {
    this.url = url;
    FakeWebSocket.made.push(this);
  }

  send(text) {
    this.sent.push(text);
  }

  close() {
    this.closed = true;
  }

  accept() {
    this.onopen({});
  }

  /** The server sends a text, or a value as JSON. */
  says(message) {
    this.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  /** The server closes. */
  ends(code, reason = '') {
    this.onclose({ code, reason });
  }

  get lastSent() {
    return JSON.parse(this.sent.at(-1));
  }
}

/** Lets promises that are settled be seen. */
export async function settle() {
  for (let i = 0; i < 10; i++) await null;
}
