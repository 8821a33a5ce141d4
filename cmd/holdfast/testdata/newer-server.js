// newer-server.js stands in for the WebSocket of a server that has boards, figures, slow facts
// and history, as documentation/protocol.md has room for: what a page does with these does not
// depend on who sends them.
window.WebSocket = class {
  constructor() {
    window.sockets = [...(window.sockets ?? []), this];
    this.commands = [];
    queueMicrotask(() => this.say({t: 'hello', v: 1, node: 'node-7', now: 1_800_000_000_000, ping: 25, retry: [1000, 30000]}));
  }
  say(frame) { this.onmessage?.({data: JSON.stringify(frame)}); }
  close() { this.onmessage = null; }
  send(text) {
    const command = JSON.parse(text);
    this.commands.push(command);
    const more = command.op === 'ping' ? {now: 1_800_000_000_000} : command.op === 'hist' ? {ch: command.ch, every: 1000, at: 1_800_000_000_000, i: Array.from({length: 100}, (_, i) => [500 - i, i])} : {};
    this.say({t: 'ok', id: command.id, ...more});
    if (command.op !== 'sub') return;
    for (const channel of command.ch) {
      if (channel === '*') {
        const row = (n, more) => ({p: `01234567-89ab-7def-8123-00000000000${n}`, n, e: 1, s: 10, a: 400, r: 50, d: 50, ph: 'live', ts: 1_800_000_000_000, sku: `SKU-${n}`, category: 'test', price: 1000, currency: 'EUR', cap: 500, ...more});
        this.say({t: 's', c: '*', k: 1, more: true, i: [row(1, {name: 'First thing', end: 1_800_000_090_000})]});
        this.say({t: 's', c: '*', k: 1, i: [row(2, {name: 'Second thing'}), row(3, {name: 'Third thing'})]});
        this.say({t: 'b', c: '*', k: 2, i: [{p: row(1).p, n: 1, e: 1, s: 11, a: 390, r: 55, d: 55, ph: 'live', ts: 1}, {p: row(2).p, n: 2, e: 1, s: 9, a: 1, r: 1, d: 1, ph: 'live', ts: 1}, {p: row(3).p, gone: true}]});
        this.say({t: 'm', c: '*', i: [{p: row(1).p, v: 1234, q: 7.25, eta: [120_000, 170_000]}]});
      }
      if (channel === 'sys') {
        this.say({t: 'sys', now: 1_800_000_000_000, orders_s: 321, refused_s: {sold_out: 40, quantity_limit_customer: 2}, p50_ms: 1.2, p99_ms: 8.5, changes_s: 900, viewers: 5000, connections: 5100, blocked: 3,
          lag_p99_ms: 61, frames_s: 100, versions_s: 450, oversold: 0, backlog: 17, rss_bytes: 300 << 20, cpu: 0.42});
      }
    }
  }
};
