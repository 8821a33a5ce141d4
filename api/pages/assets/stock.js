// stock.js keeps what is known of each product, as frames tell it.

const trendMax = 60, trendEvery = 5; // five minutes, a sample every five seconds
const seriesMax = 300; // seconds of the product that is looked at
const tapeMax = 50;
const quick = 1 - 0.5 ** (1 / 5); // of a mean with a half-life of five seconds

export class Stock {
  products = new Map(); changes = 0; sold = 0;
  #seconds = 0;

  /** put takes what is known of a product from the catalogue. */
  put(item) {
    const one = this.#of(item.id);
    Object.assign(one, {name: item.name, sku: item.sku, category: item.category, start: Date.parse(item.sale?.starts_at) || 0, end: Date.parse(item.sale?.ends_at) || 0});
    if (one.a === undefined) Object.assign(one, {a: item.stock.available, r: item.stock.reserved, d: item.stock.committed, s: item.stock.version, ph: item.paused ? 'paused' : 'live'});
  }

  /** take takes a frame of one product or of a board. */
  take(frame, now) {
    if (frame.t === 'm') { for (const row of frame.i ?? [frame]) this.#slow(row); return; }
    if (frame.p) return this.#row(frame, now);
    if (frame.first) this.products.clear();
    for (const row of frame.i ?? []) row.gone ? this.products.delete(row.p) : this.#row(row, now);
  }

  #of(id) {
    let one = this.products.get(id);
    if (!one) this.products.set(id, one = {id, name: '', sku: '', category: '', start: 0, end: 0, trend: [], tape: [], series: [], own: 0, counted: undefined, changed: 0});
    return one;
  }

  #slow(row) {
    const one = this.products.get(row.p);
    if (one) Object.assign(one, {v: row.v, q: row.q, eta: row.eta});
  }

  #row(row, now) {
    const one = this.#of(row.p), before = {a: one.a, r: one.r, d: one.d, s: one.s, heard: one.heard};
    for (const name of ['name', 'sku', 'category', 'price', 'currency', 'a', 'r', 'd', 'e', 's', 'ph']) if (row[name] !== undefined) one[name] = row[name];
    if (row.sku !== undefined) { one.start = row.start ?? 0; one.end = row.end ?? 0; }
    one.heard = true;
    if (!before.heard || before.s === one.s) return;
    one.changed = now;
    this.changes += Math.max(0, one.s - before.s);
    this.sold += Math.max(0, one.d - before.d);
    one.tape = [{at: now, says: difference(before, one), a: one.a}, ...one.tape.slice(0, tapeMax - 1)];
  }

  /** second is called once a second. It keeps samples of what has been seen. */
  second(chosen) {
    this.#seconds++;
    for (const one of this.products.values()) {
      const sold = one.counted === undefined ? 0 : Math.max(0, one.d - one.counted);
      one.counted = one.d;
      one.own += (sold - one.own) * quick;
      if (one.own < 0.005) one.own = 0;
      if (this.#seconds % trendEvery === 0) one.trend = [...one.trend.slice(1 - trendMax), one.a];
      if (one.id === chosen) one.series = [...one.series.slice(1 - seriesMax), [one.a, one.d]];
    }
    const made = {changes_s: this.changes, sold_s: this.sold};
    this.changes = this.sold = 0;
    return made;
  }
}

// difference says what has happened between two states; of several changes only their sum is
// seen.
function difference(before, after) {
  const a = after.a - before.a, r = after.r - before.r, d = after.d - before.d, said = [];
  if (d > 0) said.push(`${d} sold`);
  if (d < 0) said.push(`${-d} sold before, cancelled`);
  if (r + Math.max(0, d) > 0) said.push(`${r + Math.max(0, d)} held`);
  const back = -(r + Math.max(0, d));
  if (back > 0) said.push(`${back} came back from holds`);
  const other = a + r + d;
  if (other > 0) said.push(`${other} booked in`);
  if (other < 0) said.push(`${-other} booked out`);
  return said.join(', ') || 'changed and back';
}

/** rate is how many units are sold in a second: as the server says, or as is seen here. */
export const rate = one => one.q ?? one.own;
