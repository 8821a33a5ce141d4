// table.js is the table of products. Rows are made once and changed in place; they are put
// in order when somebody asks for it, or every ten seconds while nobody is in the table.
import {$, say} from './shell.js';
import {count, estimate, number, phase, soon, span} from './format.js';
import {drawBar, line} from './chart.js';
import {rate} from './stock.js';

const rowsMax = 200; // more are found with the filter
const sortEvery = 10_000;

const keys = {
  name: one => one.name.toLowerCase(), share: one => one.a / Math.max(1, one.a + one.r + one.d), a: one => one.a, q: rate,
  eta: one => one.eta?.[0] ?? Infinity, v: one => one.v ?? -1, age: one => -one.changed,
};

export class Table {
  #rows = new Map(); #stock; #choose; #by = 'q'; #down = true; #filter = ''; #sortedAt = -sortEvery; #body = $('products').tBodies[0]; #over = false;
  chosen = null;

  constructor(stock, choose) {
    this.#stock = stock;
    this.#choose = choose;
    const box = $('products');
    box.addEventListener('pointerenter', () => { this.#over = true; });
    box.addEventListener('pointerleave', () => { this.#over = false; });
    for (const button of box.querySelectorAll('[data-sort]')) button.addEventListener('click', () => this.#sortBy(button));
    $('filter').addEventListener('input', event => { this.#filter = event.target.value.trim().toLowerCase(); this.sort(); });
  }

  #sortBy(button) {
    const by = button.dataset.sort;
    this.#down = by === this.#by ? !this.#down : !['name', 'eta', 'age'].includes(by);
    this.#by = by;
    for (const th of $('products').querySelectorAll('thead th')) th.removeAttribute('aria-sort');
    button.closest('th').setAttribute('aria-sort', this.#down ? 'descending' : 'ascending');
    this.sort();
  }

  /** sort puts the rows in order, and shows those that the filter selects. */
  sort() {
    this.#sortedAt = performance.now();
    const key = keys[this.#by], sign = this.#down ? -1 : 1;
    let all = [...this.#stock.products.values()];
    const known = all.length;
    if (this.#filter) all = all.filter(one => `${one.name} ${one.sku} ${one.category}`.toLowerCase().includes(this.#filter));
    all.sort((x, y) => { const a = key(x), b = key(y); return a < b ? -sign : a > b ? sign : x.id < y.id ? -1 : 1; });
    const shown = all.slice(0, rowsMax), wanted = new Set(shown.map(one => one.id));
    for (const [id, row] of this.#rows) if (!wanted.has(id)) { row.node.remove(); this.#rows.delete(id); }
    let place = this.#body.firstElementChild;
    for (const one of shown) {
      let row = this.#rows.get(one.id);
      if (!row) this.#rows.set(one.id, row = this.#make(one.id));
      if (row.node === place) place = place.nextElementSibling;
      else this.#body.insertBefore(row.node, place);
    }
    say($('shown'), shown.length < all.length ? `${count(shown.length)} of ${count(all.length)} products are shown: filter to see others.` : `${count(shown.length)} of ${count(known)} products.`);
    this.draw();
  }

  /** draw shows the newest state of the rows that are there. */
  draw(now = NaN) {
    const idle = !this.#over && !this.#body.contains(document.activeElement);
    if (performance.now() - this.#sortedAt > sortEvery && idle || this.#rows.size === 0 && this.#stock.products.size && !this.#filter) return this.sort();
    for (const [id, row] of this.#rows) {
      const one = this.#stock.products.get(id);
      if (one) this.#show(row, one, now);
      else if (idle) { row.node.remove(); this.#rows.delete(id); }
    }
  }

  #show(row, one, now) {
    const whole = Math.max(1, one.a + one.r + one.d);
    say(row.open, one.name || one.sku);
    const is = soon(one.ph, one.start, one.end, now);
    say(row.phase, is === 'live' ? '' : phase(is, one.start, one.end, now));
    say(row.a, count(one.a));
    const sold = rate(one);
    say(row.q, sold >= 0.05 ? number(sold) : '–');
    say(row.eta, is === 'live' ? estimate(one.eta).replace(' left', '') || '–' : '–');
    say(row.v, one.v === undefined ? '–' : count(one.v));
    const age = one.changed && now ? now - one.changed : NaN;
    say(row.age, age >= 0 ? (age < 2000 ? 'now' : `${span(age)} ago`) : '–');
    if (row.seen !== one.s || row.whole !== whole) {
      row.seen = one.s; row.whole = whole;
      drawBar(row.parts, one.a, one.r, one.d);
      row.bar.setAttribute('aria-label', `Stock of ${one.name || one.sku}`);
      row.bar.setAttribute('aria-valuemax', whole);
      row.bar.setAttribute('aria-valuenow', one.a);
      row.bar.setAttribute('aria-valuetext', `${count(one.a)} available, ${count(one.r)} held, ${count(one.d)} sold`);
    }
    if (row.drawn !== one.trend) { row.drawn = one.trend; line(row.trend, one.trend); }
    const chosen = one.id === this.chosen;
    if (row.chosen !== chosen) { row.chosen = chosen; row.node.classList.toggle('chosen', chosen); row.open.setAttribute('aria-expanded', String(chosen)); }
  }

  /** focus returns to the button that has opened a product. */
  focus(id) { this.#rows.get(id)?.open.focus(); }

  #make(id) {
    const node = $('row-template').content.firstElementChild.cloneNode(true), part = name => node.querySelector('.' + name);
    const row = {node, open: part('open'), phase: part('row-phase'), bar: part('bar'), parts: {'bar-sold': part('bar-sold'), 'bar-held': part('bar-held'), 'bar-free': part('bar-free')},
      a: part('a'), q: part('q'), eta: part('eta'), v: part('v'), age: part('age'), trend: node.querySelector('.trend polyline')};
    row.open.addEventListener('click', () => this.#choose(id));
    return row;
  }
}
