// tile.js is one product on the board: what is shown of it, and what is said when it cannot
// be bought.
import {drawBar} from './chart.js';
import {$, say} from './shell.js';
import {count, estimate, letter, money, phase, soon, span} from './format.js';

/** numbersOf reads what the API says of a product's stock as a frame says it. */
const numbersOf = product => ({a: product.stock.available, r: product.stock.reserved, d: product.stock.committed});

export class Tile {
  constructor(product, node) {
    this.product = product;
    this.node = node ?? $('tile-template').content.firstElementChild.cloneNode(true);
    this.part = Object.fromEntries(['letter', 'name', 'price', 'limit', 'stamp', 'bar', 'bar-free', 'bar-held', 'bar-sold', 'free', 'held', 'when', 'slow', 'act', 'note']
      .map(name => [name, this.node.querySelector('.' + name)]));
    this.start = product.sale?.starts_at ? Date.parse(product.sale.starts_at) : 0;
    this.end = product.sale?.ends_at ? Date.parse(product.sale.ends_at) : 0;
    this.numbers = numbersOf(product);
    this.phase = product.paused ? 'paused' : this.node.dataset.phase || '';
    this.slow = null;
    this.note = null;
    this.describe();
  }

  /** describe shows what the catalogue says. */
  describe() {
    const {product, part} = this;
    say(part.name, product.name);
    say(part.letter, letter(product.name));
    say(part.price, money(product.price.amount, product.price.currency));
    say(part.limit, product.purchase_limit ? `${count(product.purchase_limit)} for each customer` : '');
    part.bar.setAttribute('aria-label', `Units left of ${product.name}`);
  }

  /** take takes a frame, and returns what somebody may want to hear at once. */
  take(frame) {
    const before = this.phase, had = this.numbers.a;
    if (frame.t === 'm') { this.slow = frame; return ''; }
    if (frame.a !== undefined) this.numbers.a = frame.a;
    if (frame.r !== undefined) { this.numbers.r = frame.r; this.numbers.d = frame.d; }
    if (frame.t === 's') {
      this.start = frame.start ?? 0;
      this.end = frame.end ?? 0;
      if (frame.price !== undefined) this.product.price = {amount: frame.price, currency: frame.currency};
      if (frame.name) this.product.name = frame.name;
      this.describe();
    }
    this.phase = frame.ph;
    if (!before) return '';
    if (frame.ph === 'sold_out' && before !== 'sold_out') return `${this.product.name} is sold out.`;
    if (frame.ph === 'live' && before === 'scheduled') return `${this.product.name} is on sale now.`;
    if (frame.a > 0 && !had && before !== 'scheduled') return `${this.product.name}: units are back.`;
    return '';
  }

  /** guess is the phase before a frame says it, by the bounds of the sale. */
  guess(now) {
    if (this.phase) return soon(this.phase, this.start, this.end, now);
    if (this.start && now < this.start) return 'scheduled';
    if (this.end && now >= this.end) return 'ended';
    return this.numbers.a || this.numbers.r ? 'live' : 'sold_out';
  }

  /** draw shows all of it as of a moment of the server's clock. */
  draw(now) {
    const {part, numbers: {a, r, d}} = this, whole = Math.max(1, a + r + d), is = this.guess(now);
    if (this.node.dataset.phase !== is) this.node.dataset.phase = is;
    say(part.free, count(a));
    say(part.held, r ? `${count(r)} held` : '');
    drawBar(part, a, r, d);
    part.bar.setAttribute('aria-valuemax', whole);
    part.bar.setAttribute('aria-valuenow', a);
    part.bar.setAttribute('aria-valuetext', `${count(a)} left, ${count(r)} held, ${count(d)} sold`);
    part.stamp.hidden = is !== 'sold_out';
    say(part.when, is === 'live' && !a && r ? 'All are held: some may come back' : phase(is, this.start, this.end, now));
    this.drawSlow(is);
    if (this.form) {
      const can = is === 'live';
      for (const control of this.form.elements) if (!this.busy) control.disabled = !can;
    }
    const text = this.note?.text(now);
    part.note.hidden = !text;
    if (text) { say(part.note, text); part.note.classList.toggle('good', Boolean(this.note.good)); }
  }

  drawSlow(is) {
    const slow = is === 'live' && this.slow ? this.slow : {};
    const looking = slow.v > 1 ? `${count(slow.v > 20 ? Math.round(slow.v / 10) * 10 : slow.v)} looking now` : '';
    say(this.part.slow, [looking, estimate(slow.eta)].filter(Boolean).join(' · '));
  }

  /** offer puts in what there is to do: buy, or sign in before. */
  offer(user, buy) {
    this.form = null;
    if (!user) {
      const link = document.createElement('a');
      link.className = 'button';
      link.href = '/signin?next=/';
      link.textContent = 'Sign in to buy';
      return this.part.act.replaceChildren(link);
    }
    this.form = $('buy-template').content.firstElementChild.cloneNode(true);
    const quantity = this.form.querySelector('.quantity');
    quantity.setAttribute('aria-label', `Quantity of ${this.product.name}`);
    this.form.querySelector('button').setAttribute('aria-label', `Buy ${this.product.name}`);
    if (this.product.purchase_limit) quantity.max = this.product.purchase_limit;
    this.form.addEventListener('submit', event => { event.preventDefault(); if (!this.busy) buy(this, Number(quantity.value)); });
    this.part.act.replaceChildren(this.form);
  }

  /** working says that an answer is waited for. The button keeps the focus. */
  working(is) {
    this.busy = is;
    this.form?.setAttribute('aria-busy', String(is));
    const button = this.form?.querySelector('button');
    if (button) say(button, is ? 'Buying…' : 'Buy');
  }
}

/** refusal says in plain words why an order was not taken: a function of the server's time. */
export function refusal(error, quantity) {
  const problem = error.problem ?? {}, at = name => Date.parse(problem[name]);
  switch (error.code) {
    case 'sold_out': return () => 'Sold out: none are left, and none are held that could come back.';
    case 'all_held': return now => {
      const left = at('next_expiry') - now;
      const when = left > 0 ? `The next hold ends in ${span(left)} unless it is paid.` : 'A hold has just ended: try again now.';
      return `All that is left is held by other customers. ${problem.next_expiry ? when : 'Some may come back.'}`;
    };
    case 'insufficient_stock': {
      const left = problem.errors?.[0]?.available ?? problem.available;
      return () => left ? `Only ${count(left)} left: ask for fewer than ${count(quantity)}.` : 'Not enough are left.';
    }
    case 'sale_not_started': return now => at('starts_at') > now ? `The sale has not begun. It begins in ${span(at('starts_at') - now)}.` : 'The sale has just begun: try again now.';
    case 'sale_ended': return () => 'The sale has ended.';
    case 'paused': return () => 'This is off sale for the moment.';
    case 'quantity_limit_customer': return () => problem.remaining > 0 ? `You can have ${count(problem.remaining)} more, and no more than that.` : 'You have as many as one customer can have.';
    case 'unauthorized': return () => 'You are not signed in any more. Sign in again to buy.';
    case 'validation_failed': return () => problem.errors?.[0]?.detail ?? problem.detail;
  }
  return () => error.code ? `It was not taken: ${error.message}` : 'We do not know yet whether the order was taken. Press Buy again: it will not be placed twice.';
}
