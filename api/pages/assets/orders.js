// orders.js shows the customer's open orders, and how long each still holds its units.
import {$, announce, say} from './shell.js';
import {api, decide} from './session.js';
import {money, span, spoken} from './format.js';

const shown = 20; // open orders on the page; the others can be seen over the API
const lingerMax = 60_000; // how long an order is shown after its end

const warnings = [60_000, 15_000]; // when to say how long is left
const ends = {confirmed: 'Confirmed. It is yours.', cancelled: 'Cancelled: the units went back.', expired: 'The hold has ended: the units went back.'};

export class Orders {
  #all = new Map(); #clock; #nameOf;

  constructor(clock, nameOf) { this.#clock = clock; this.#nameOf = nameOf; }

  /** load shows what a customer holds. */
  async load(customer) {
    const page = await api(`/api/orders?status=reserved&limit=${shown}&customer_id=${customer}`);
    for (const order of page.items.reverse()) this.put(order);
    for (const [id, one] of this.#all) if (one.order.status === 'reserved' && !page.items.some(order => order.id === id)) this.look(id);
  }

  /** look asks how an order is now. */
  async look(id) {
    try { this.put(await api(`/api/orders/${id}`)); } catch { /* it is shown as it was known last */ }
  }

  /** put shows an order as it is. */
  put(order) {
    this.#clock.near(Date.parse(order.server_time));
    let one = this.#all.get(order.id);
    if (!one) {
      if (order.status !== 'reserved') return;
      one = this.#make(order.id);
      this.#all.set(order.id, one);
      $('order-list').prepend(one.node);
    }
    const ended = order.status !== 'reserved' && one.order?.status === 'reserved';
    one.order = order;
    one.expires = Date.parse(order.expires_at);
    one.endedAt = order.status === 'reserved' ? 0 : performance.now();
    say(one.what, `${order.items.map(item => `${item.quantity} × ${this.#nameOf(item.product_id) ?? item.sku}`).join(', ')} · ${money(order.total.amount, order.total.currency)}`);
    if (ended) announce(`${one.what.textContent}: ${ends[order.status] ?? order.status}`, true);
    this.draw();
  }

  /** draw shows how long is left by the server's clock. */
  draw() {
    const now = this.#clock.now();
    for (const [id, one] of this.#all) {
      const held = one.order.status === 'reserved', left = one.expires - now;
      if (!held && performance.now() - one.endedAt > lingerMax && !one.node.contains(document.activeElement)) {
        one.node.remove();
        this.#all.delete(id);
        continue;
      }
      say(one.time, held ? span(left) : '');
      say(one.says, !held ? ends[one.order.status] ?? one.order.status : left > 0 ? 'left to confirm' : 'The hold is ending…');
      for (const name of ['confirm', 'cancel', 'extend']) one[name].hidden = !held || name === 'extend' && one.order.extended;
      if (!held) continue;
      for (const at of warnings) if (left <= at && one.warned > at) { one.warned = at; if (left > 1000) announce(`${one.what.textContent}: ${spoken(left)} left to confirm.`, true); }
      if (left <= -300 && !one.asked) {
        one.asked = true;
        this.look(id).finally(() => setTimeout(() => { one.asked = false; }, 1000));
      }
    }
    $('orders').hidden = this.#all.size === 0;
  }

  #make(id) {
    const node = $('order-template').content.firstElementChild.cloneNode(true), part = name => node.querySelector('.' + name);
    const one = {node, what: part('order-what'), time: part('order-time'), says: part('order-says'), note: part('note'), warned: Infinity,
      confirm: part('confirm'), extend: part('extend'), cancel: part('cancel')};
    for (const name of ['confirm', 'extend', 'cancel']) one[name].addEventListener('click', () => this.#change(id, one, name));
    return one;
  }

  async #change(id, one, name) {
    if (one.busy) return;
    one.busy = true;
    one.node.setAttribute('aria-busy', 'true');
    one.note.hidden = true;
    try {
      const order = await decide(`/api/orders/${id}/${name}`, {method: 'POST', body: {}});
      if (name === 'extend') { one.warned = Infinity; announce('You have more time.', true); }
      this.put(order);
    } catch (error) {
      say(one.note, error.code === 'hold_expired' ? 'The hold had ended already.' : error.code ? error.message : 'No answer came. Try again: it will not be done twice.');
      one.note.hidden = false;
      announce(one.note.textContent, true);
      this.look(id);
    } finally {
      one.busy = false;
      one.node.removeAttribute('aria-busy');
    }
  }
}
