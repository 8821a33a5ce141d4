// ticker.js keeps one WebSocket of stockticker.v1 open (documentation/protocol.md) and tells
// what it hears. It has no dependencies, and runs in browsers and in Node:
//
//   const ticker = new Ticker({url: 'wss://shop.example/api/ws', frame: console.log});
//   ticker.watch(['p:01234567-89ab-7def-8123-456789abcdef'], {hz: 5});
//   ticker.start();
//
// Options: frame(f) gets the frames that are news, state(s, code) one of idle, connecting,
// live, stale, backoff, and refused(channel, err) what cannot be watched. ticket() promises
// a ticket, or null; codec is JSON unless it is that of ticker-msgpack.js; WebSocket is that
// of the package ws where there is none.

const silence = 20_000, overdue = 17_000; // of a server that says something every 15 s
const helloMax = 10_000, probeMax = 3_000, settled = 10_000;
const backoffMin = 500, backoffMax = 30_000;
const batch = 40; // channels in a command: with what is held, they fit into 4096 bytes
const askedMax = 64, burst = 12, perSecond = 8; // the server takes 20 at once, 10 a second
const json = {protocol: 'stockticker.v1.json', open: () => ({encode: JSON.stringify, decode: JSON.parse})};

/** Clock is the server's time, without the wall clock of this machine. */
export class Clock {
  #samples = []; #offset = NaN; rtt = NaN;
  /** sample takes the server's time in an answer, and when it was asked and answered here. */
  sample(server, sent, got) {
    this.#samples = [...this.#samples.slice(-4), [got - sent, server - (sent + got) / 2]];
    [this.rtt, this.#offset] = this.#samples.reduce((a, b) => (b[0] < a[0] ? b : a));
  }
  /** near takes a time that was on its way for nobody knows how long. */
  near(server) { if (!this.#samples.length) this.#offset = server - performance.now(); }
  /** now is in milliseconds, and NaN before anything is known. */
  now() { return performance.now() + this.#offset; }
}

export class Ticker {
  clock = new Clock(); state = 'idle'; hello = null;
  #o; #socket = null; #codec; #turn = 0; #tries = 0; #bye = null; #heard = 0; #liveAt = 0; #probed = 0;
  #timer; #beat; #drainer; #id = 0; #asked = new Map(); #queue = []; #tokens = burst; #filled = 0;
  #channels = new Map(); #held = new Map(); #parts = new Set(); #all = null; #plain = false;

  constructor(options) {
    this.#o = {codec: json, random: Math.random, WebSocket: globalThis.WebSocket, ...options};
    globalThis.addEventListener?.('online', () => this.probe());
    globalThis.addEventListener?.('pageshow', () => this.probe());
    globalThis.document?.addEventListener('visibilitychange', () => this.#look());
  }

  start() { if (this.state === 'idle') this.#connect(); }

  stop() { this.#drop(); clearTimeout(this.#timer); this.#set('idle'); }

  /** watch adds channels, or says anew how often to hear of them. slow asks for m frames. */
  watch(channels, {hz = 5, slow = false} = {}) {
    const fresh = channels.filter(c => !this.#channels.has(c));
    for (const c of channels) this.#channels.set(c, {hz, slow});
    if (this.hello) this.#subscribe(fresh);
  }

  unwatch(channels) {
    const left = channels.filter(c => this.#channels.delete(c));
    for (const key of this.#held.keys()) if (left.includes(key.split(' ')[0])) this.#held.delete(key);
    if (this.hello) for (let i = 0; i < left.length; i += batch) this.ask({op: 'unsub', ch: left.slice(i, i + batch)}).catch(() => {});
  }

  /** ask sends a command and promises its ok; what is refused rejects with the err. */
  ask(command) {
    return new Promise((resolve, reject) => {
      if (!this.hello || this.#queue.length + this.#asked.size >= askedMax) return reject({t: 'err', msg: 'not now'});
      this.#queue.push({command, resolve, reject, tries: 0, sent: 0});
      this.#drain();
    });
  }

  /** rate slows all channels down to hz; null is what each was asked for. */
  async rate(hz) {
    this.#all = hz;
    if (!this.hello) return;
    const groups = new Map();
    for (const c of this.#channels.keys()) groups.set(this.#hz(c), [...groups.get(this.#hz(c)) ?? [], c]);
    try {
      if (groups.size <= 1) return await this.ask({op: 'rate', hz: hz ?? groups.keys().next().value ?? 5});
      for (const [each, ch] of groups) for (let i = 0; i < ch.length; i += batch) await this.ask({op: 'rate', hz: each, ch: ch.slice(i, i + batch)});
    } catch (refused) {
      if (refused.code !== 104) return;
      const all = [...this.#channels]; // a server without rate
      this.unwatch(all.map(([c]) => c));
      for (const [c, how] of all) this.#channels.set(c, how);
      this.#subscribe(all.map(([c]) => c));
    }
  }

  /** probe makes sure that the connection is one, or makes another at once. */
  probe() {
    if (this.state === 'backoff') this.#connect();
    else if (this.hello) { this.#probed = performance.now(); this.#ping(); this.#watch(); }
  }

  /** reconnect opens another connection in place of this one, such as with a fresh ticket. */
  reconnect() { if (this.state !== 'idle') this.#connect(); }

  #hz(channel) { return this.#all === null ? this.#channels.get(channel).hz : Math.min(this.#all, this.#channels.get(channel).hz); }

  #look() {
    if (document.hidden) return void this.rate(0.2);
    this.probe();
    const ch = [...this.#channels.keys()].filter(c => c.startsWith('p:'));
    for (let i = 0; this.hello && i < ch.length; i += batch) this.ask({op: 'snap', ch: ch.slice(i, i + batch)}).catch(() => {});
    this.rate(null);
  }

  #set(state, code) { if (state !== this.state) { this.state = state; this.#o.state?.(state, code); } }

  async #connect() {
    clearTimeout(this.#timer);
    this.#drop(); // the old socket is closed before there is a new one
    this.#set('connecting');
    const turn = ++this.#turn, {url, ticket, codec, WebSocket} = this.#o;
    let socket;
    try {
      const text = await ticket?.();
      if (turn !== this.#turn || this.state !== 'connecting') return;
      socket = new WebSocket(text ? `${url}?ticket=${encodeURIComponent(text)}` : url, [codec.protocol]);
    } catch {
      return turn === this.#turn && this.#ended(1006);
    }
    this.#socket = socket;
    this.#codec = codec.open();
    socket.binaryType = 'arraybuffer';
    this.#heard = performance.now();
    socket.onerror = () => {};
    socket.onmessage = event => this.#hear(event.data);
    socket.onclose = event => { this.#drop(); this.#ended(event.code); };
    this.#beat = setInterval(() => this.#watch(), 1000);
  }

  #drop() {
    this.#turn++;
    const socket = this.#socket;
    this.#socket = this.hello = null;
    clearInterval(this.#beat);
    clearTimeout(this.#drainer);
    if (socket) { socket.onmessage = socket.onclose = null; socket.close(); }
    for (const one of [...this.#asked.values(), ...this.#queue]) one.reject({t: 'err', msg: 'the connection has ended'});
    this.#asked.clear();
    this.#queue = []; this.#parts.clear();
    this.#probed = 0;
  }

  #ended(code) {
    const bye = this.#bye;
    this.#bye = null;
    if (this.#liveAt && performance.now() - this.#liveAt >= settled) this.#tries = 0;
    this.#liveAt = 0;
    if (code >= 4000 && code < 4100 || [1002, 1003, 1007, 1009].includes(code) || bye?.retry === null) return this.#set('idle', code);
    const [least, most] = bye?.retry ?? [0, code >= 4200 && code < 4300 ? 1000 : Math.min(backoffMax, backoffMin * 2 ** this.#tries++)];
    this.#set('backoff', code);
    this.#timer = setTimeout(() => this.#connect(), least + this.#o.random() * (most - least));
  }

  #watch() {
    const now = performance.now(), quiet = now - this.#heard;
    if (quiet > (this.hello ? silence : helloMax) || this.#probed && now - this.#probed > probeMax) { this.#drop(); return this.#ended(1006); }
    if (this.hello) this.#set(quiet > overdue ? 'stale' : 'live');
    if (this.hello && now - (this.pinged ?? 0) > (isNaN(this.clock.rtt) ? 2000 : 10_000)) this.#ping();
  }

  #ping() {
    this.pinged = performance.now();
    this.ask({op: 'ping'}).then(ok => this.clock.sample(ok.now, ok.asked, ok.got)).catch(() => {});
  }

  #hear(data) {
    let frame;
    try { frame = this.#codec.decode(data); } catch { this.#drop(); return this.#ended(1006); }
    if (!frame) return;
    this.#heard = performance.now();
    this.#probed = 0;
    if (this.state === 'stale') this.#set('live');
    if (frame.t === 'ok' || frame.t === 'err') return this.#answered(frame);
    if (frame.t === 'bye') this.#bye = frame;
    if (frame.now) this.clock.near(frame.now);
    if (frame.t === 'hello') {
      this.hello = frame; this.#liveAt = this.#heard; this.#tokens = burst;
      this.#ping();
      this.#subscribe([...this.#channels.keys()]);
      this.#set('live');
    }
    if (this.#isNews(frame)) this.#o.frame?.(frame);
  }

  // Of two states the one with the greater epoch and version is the later one.
  #isNews(frame) {
    const fits = (channel, row) => {
      const key = `${channel} ${row.p}`, [e, s] = this.#held.get(key) ?? [0, 0];
      if (row.e === undefined) return true;
      if (row.e < e || row.e === e && row.s < s) return false;
      this.#held.set(key, [row.e, row.s]);
      return true;
    };
    if (frame.p && (frame.t === 's' || frame.t === 'u')) return this.#channels.has('p:' + frame.p) && fits('p:' + frame.p, frame);
    if (frame.c && frame.i && (frame.t === 's' || frame.t === 'b')) {
      frame.first = frame.t === 's' && !this.#parts.has(frame.c); // it replaces all that is known
      if (frame.t === 's') frame.more ? this.#parts.add(frame.c) : this.#parts.delete(frame.c);
      if (frame.first) for (const key of this.#held.keys()) if (key.startsWith(frame.c + ' ')) this.#held.delete(key);
      frame.i = frame.i.filter(row => fits(frame.c, row));
    }
    return true;
  }

  #answered(frame) {
    const one = this.#asked.get(frame.id);
    if (!this.#asked.delete(frame.id)) return;
    if (frame.t === 'ok') return one.resolve({...frame, asked: one.sent, got: this.#heard});
    if (!frame.temp || ++one.tries > 5) return one.reject(frame);
    setTimeout(() => this.hello ? (this.#queue.push(one), this.#drain()) : one.reject(frame), frame.after_ms ?? 1000);
  }

  #drain() {
    clearTimeout(this.#drainer);
    while (this.#queue.length && this.hello) {
      const now = performance.now();
      this.#tokens = Math.min(burst, this.#tokens + (now - this.#filled) * perSecond / 1000);
      this.#filled = now;
      if (this.#tokens < 1) return void (this.#drainer = setTimeout(() => this.#drain(), 1000 / perSecond));
      this.#tokens--;
      const one = this.#queue.shift(), id = ++this.#id;
      one.sent = now;
      this.#asked.set(id, one);
      this.#socket.send(this.#codec.encode({id, ...one.command}));
    }
  }

  #subscribe(channels) {
    const groups = {};
    for (const c of channels) {
      const slow = this.#channels.get(c).slow && !this.#plain, how = c.startsWith('p:') ? `${this.#hz(c)} ${slow}` : c;
      (groups[how] ??= []).push(c);
    }
    for (const group of Object.values(groups)) for (let i = 0; i < group.length; i += batch) this.#sub(group.slice(i, i + batch));
  }

  #sub(ch) {
    const slow = this.#channels.get(ch[0]).slow && !this.#plain, since = {};
    for (const c of ch) { const held = this.#held.get(`${c} ${c.slice(2)}`); if (held) since[c] = held; }
    const command = {op: 'sub', ch, hz: this.#hz(ch[0])};
    if (Object.keys(since).length) command.since = since;
    if (slow) command.m = true;
    this.ask(command).catch(refused => {
      if (!refused.code || refused.code === 105) return;
      let left = ch.filter(c => this.#channels.has(c));
      if (refused.code === 107 && slow) this.#plain = true; // a server without m
      else {
        const gone = ch.length === 1 ? ch : left.filter(c => c === refused.ch);
        for (const c of gone) if (this.#channels.delete(c)) this.#o.refused?.(c, refused);
        left = gone.length ? left.filter(c => !gone.includes(c)) : [];
      }
      if (left.length) this.#subscribe(left);
    });
  }
}
