// world.mjs is a clock and sockets that a test moves by hand.

let now = 0, timers = [], next = 1;

/** reset makes all of it new, in place of what Node has. */
export function reset() {
  now = 1000; timers = []; next = 1; Socket.all = [];
  const set = every => (run, wait = 0) => { timers.push({id: next, at: now + wait, run, every: every ? wait : 0}); return next++; };
  globalThis.setTimeout = set(false);
  globalThis.setInterval = set(true);
  globalThis.clearTimeout = globalThis.clearInterval = id => { timers = timers.filter(one => one.id !== id); };
  Object.defineProperty(globalThis, 'performance', {value: {now: () => now}, configurable: true, writable: true});
}

/** settle lets promises go on. */
export async function settle() { for (let i = 0; i < 20; i++) await Promise.resolve(); }

/** pass lets time pass, timer by timer. */
export async function pass(milliseconds) {
  const until = now + milliseconds;
  for (;;) {
    await settle();
    const due = timers.filter(one => one.at <= until).sort((a, b) => a.at - b.at || a.id - b.id)[0];
    if (!due) break;
    now = Math.max(now, due.at);
    if (due.every) due.at += due.every;
    else timers = timers.filter(one => one !== due);
    due.run();
  }
  now = until;
  await settle();
}

export const time = () => now;

/** Socket is the other end of a WebSocket. */
export class Socket {
  static all = [];
  static get last() { return Socket.all.at(-1); }
  constructor(url, protocols) { Object.assign(this, {url, protocols, sent: [], closed: false}); Socket.all.push(this); }
  send(data) { this.sent.push(typeof data === 'string' ? JSON.parse(data) : data); }
  close() { this.closed = true; }
  /** says sends a frame to the client. */
  says(frame) { this.onmessage?.({data: frame instanceof ArrayBuffer ? frame : JSON.stringify(frame)}); }
  hello(more = {}) { this.says({t: 'hello', v: 1, now: 5_000_000, ping: 25, retry: [1000, 30000], ...more}); }
  /** ends closes the connection from the other end. */
  ends(code) { this.closed = true; this.onclose?.({code}); }
  /** commands are those of a kind that came. */
  commands(op) { return this.sent.filter(one => one.op === op); }
}
