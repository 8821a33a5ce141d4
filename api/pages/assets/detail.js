// detail.js shows one product closely: how its stock has gone, what was seen of it, why it is
// what it is, and what an operator may do.
import {$, announce, say} from './shell.js';
import {api, decide, newKey} from './session.js';
import {submits} from './form.js';
import {Chart} from './chart.js';
import {count, money, number, phase, time} from './format.js';
import {rate} from './stock.js';

const historyMax = 120, movementsShown = 20, movementsMax = 200, tableMax = 60;
const words = {order_placed: 'held', order_confirmed: 'sold', order_cancelled: 'cancelled', order_expired: 'hold ended', stock_adjusted: 'booked', order_fulfilled: 'shipped', order_returned: 'returned', order_reduced: 'released in part'};

function cell(row, text, kind) {
  const td = document.createElement('td');
  td.textContent = text;
  if (kind) td.className = kind;
  row.append(td);
}

/** sure asks whether it is meant. */
function sure(text) {
  const dialog = $('sure');
  say($('sure-text'), text);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), {once: true}));
}

export class Detail {
  #stock; #ticker; #chart = new Chart($('chart')); #drawn; #cursor = null; #figures = new Map(); #attempt = null;
  chosen = null;

  constructor(stock, ticker, closed) {
    this.#stock = stock;
    this.#ticker = ticker;
    $('detail-close').addEventListener('click', () => { const id = this.chosen; this.chosen = null; $('detail').hidden = true; closed(id); });
    $('movements-again').addEventListener('click', () => this.#movements());
    $('movements-more').addEventListener('click', () => this.#movements(this.#cursor));
    $('pausing').addEventListener('click', () => this.#pause());
    submits($('restock'), values => this.#book(values));
  }

  get #one() { return this.#stock.products.get(this.chosen); }

  /** open shows a product. Whoever has asked for it is taken there. */
  async open(id) {
    this.chosen = id;
    this.#drawn = null;
    this.#cursor = null;
    this.#attempt = null;
    $('restock').reset();
    $('detail').hidden = false;
    $('movements').tBodies[0].replaceChildren();
    this.draw();
    $('detail-title').focus();
    this.#movements();
    try {
      const past = await this.#ticker.ask({op: 'hist', ch: 'p:' + id, n: historyMax});
      const one = this.#one;
      if (this.chosen === id && one) one.series = [...past.i, ...one.series].slice(-historyMax);
    } catch { /* a server without a history: what is seen from now on is collected */ }
  }

  draw() {
    const one = this.#one;
    if (!one) return;
    const now = this.#ticker.clock.now();
    say($('detail-title'), one.name || one.sku);
    const price = one.price === undefined ? '' : ` · ${money(one.price, one.currency)}`;
    say($('detail-facts'), `${one.sku}${one.category ? ` · ${one.category}` : ''}${price} · ${phase(one.ph, one.start, one.end, now)} · version ${count(one.s ?? 0)}`);
    for (const [name, value] of [['Available', count(one.a)], ['Held', count(one.r)], ['Sold', count(one.d)], ['Sold/s', number(rate(one))]]) this.#figure(name, value);
    say($('pausing'), one.ph === 'paused' ? 'Resume the sale' : 'Pause the sale');
    if (this.#drawn === one.series && this.#seen === one.tape) return;
    this.#drawn = one.series;
    this.#seen = one.tape;
    const numbers = one.series.map(([a]) => a);
    const first = numbers[0] ?? one.a, last = numbers.at(-1) ?? one.a;
    this.#chart.draw(numbers, `Units available in the last ${numbers.length} seconds: from ${count(first)} to ${count(last)}.`, [`${count(first)}, ${numbers.length} s ago`, `${count(last)} now`]);
    this.#points(one, now);
    this.#tape(one);
  }

  #seen = null;

  #figure(name, value) {
    let dd = this.#figures.get(name);
    if (!dd) {
      const pair = document.createElement('div'), dt = document.createElement('dt');
      dd = document.createElement('dd');
      dd.className = 'veiled-part';
      dt.textContent = name;
      pair.append(dt, dd);
      $('detail-figures').append(pair);
      this.#figures.set(name, dd);
    }
    say(dd, value);
  }

  #points(one, now) {
    const body = $('chart-table').tBodies[0];
    if (!body.closest('details').open) return;
    body.replaceChildren(...one.series.slice(-tableMax).reverse().map(([a, d], i) => {
      const row = document.createElement('tr');
      cell(row, now ? time(now - i * 1000) : `${i} s ago`);
      cell(row, count(a), 'number');
      cell(row, count(d), 'number');
      return row;
    }));
  }

  #tape(one) {
    $('tape').replaceChildren(...(one.tape.length ? one.tape : [{says: 'Nothing has changed yet.'}]).map(({at, says, a}) => {
      const item = document.createElement('li');
      if (at) { const when = document.createElement('time'); when.textContent = time(at); item.append(when); }
      const text = document.createElement('span');
      text.textContent = a === undefined ? says : `${says} → ${count(a)} available`;
      item.append(text);
      return item;
    }));
  }

  async #movements(cursor) {
    const id = this.chosen, body = $('movements').tBodies[0];
    let page;
    try {
      page = await api(`/api/products/${id}/movements?limit=${movementsShown}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
    } catch (error) {
      return announce(`The movements cannot be read: ${error.message}`, true);
    }
    if (id !== this.chosen) return;
    if (!cursor) body.replaceChildren();
    for (const item of page.items) {
      const row = document.createElement('tr');
      cell(row, new Date(item.at).toLocaleString());
      cell(row, words[item.kind] ?? item.kind);
      for (const name of ['on_hand', 'reserved', 'committed']) {
        const moved = item.after[name] - item.before[name];
        cell(row, `${count(item.after[name])}${moved ? ` (${moved > 0 ? '+' : '−'}${count(Math.abs(moved))})` : ''}`, 'number');
      }
      cell(row, [item.reason, item.note, item.order_id && `order ${item.order_id.slice(-8)}`, item.by ? `by ${item.by.slice(-8)}` : 'by the program'].filter(Boolean).join(' · '));
      body.append(row);
    }
    this.#cursor = page.next_cursor;
    $('movements-more').hidden = !page.next_cursor || body.rows.length >= movementsMax;
  }

  // One booking keeps its key until there is a definite answer.
  async #book(values) {
    const one = this.#one, delta = Number(values.delta);
    if (!Number.isSafeInteger(delta) || delta === 0) throw {code: 'validation_failed', message: 'Say how many units, in whole numbers and not 0.'};
    const body = {delta, reason: values.reason, note: values.note}, text = JSON.stringify(body);
    if (!await sure(`${delta > 0 ? 'Add' : 'Take away'} ${count(Math.abs(delta))} units of ${one.name}, as ${values.reason}?`)) return;
    if (this.#attempt?.text !== text) this.#attempt = {key: newKey(), text};
    try {
      await decide(`/api/products/${one.id}/stock`, {method: 'POST', key: this.#attempt.key, body});
    } catch (error) {
      if (error.code && error.status < 500) this.#attempt = null;
      throw error;
    }
    this.#attempt = null;
    $('restock').reset();
    announce(`Booked: ${count(delta)} units of ${one.name}.`, true);
    setTimeout(() => this.#movements(), 300);
  }

  async #pause() {
    const one = this.#one, what = one.ph === 'paused' ? 'resume' : 'pause';
    if (!await sure(what === 'pause' ? `Take ${one.name} off sale for the moment? Orders that hold units go on.` : `Put ${one.name} back on sale?`)) return;
    try {
      await decide(`/api/products/${one.id}/${what}`, {method: 'POST'});
      announce(`${one.name} is ${what === 'pause' ? 'paused' : 'on sale again'}.`, true);
    } catch (error) {
      announce(`It was refused: ${error.message}`, true);
    }
  }
}
