// figures.js shows the big numbers of the server, each with its last minute.
import {$, announce, say} from './shell.js';
import {count, number} from './format.js';
import {line} from './chart.js';

const minute = 60;
const reasons = {sold_out: 'sold out', all_held: 'all held', insufficient_stock: 'too few', quantity_limit_customer: 'limit', rate_limited: 'rate', sale_not_started: 'too early', sale_ended: 'too late', paused: 'paused', overloaded: 'overloaded'};

const sum = object => Object.values(object ?? {}).reduce((a, b) => a + b, 0);
const bytes = n => n >= 1 << 30 ? `${number(n / 2 ** 30)} GiB` : `${count(Math.round(n / 2 ** 20))} MiB`;
const ms = n => `${n < 10 ? number(n) : count(Math.round(n))} ms`;

// What each figure is: its value, how it is written, and what more there is to say.
const kinds = [
  {name: 'Orders accepted/s', of: f => f.orders_s, write: count},
  {name: 'Refused/s', of: f => f.refused_s && sum(f.refused_s), write: count,
    more: f => Object.entries(f.refused_s ?? {}).filter(([, n]) => n).map(([code, n]) => `${count(n)} ${reasons[code] ?? code.replaceAll('_', ' ')}`).join(', ')},
  {name: 'Answer, 99 of 100', of: f => f.p99_ms, write: ms, more: f => f.p50_ms === undefined ? '' : `half within ${ms(f.p50_ms)}`},
  {name: 'Changes of stock/s', of: f => f.changes_s, write: count},
  {name: 'Units sold/s', of: f => f.sold_s, write: n => number(n)},
  {name: 'Viewers', of: f => f.viewers, write: count, more: f => f.connections === undefined ? '' : `${count(f.connections)} connections${f.blocked ? `, ${count(f.blocked)} slow` : ''}`},
  {name: 'Delivery lag, 99 of 100', of: f => f.lag_p99_ms, write: ms, more: f => f.frames_s ? `${number(f.versions_s / f.frames_s)} versions a frame` : ''},
  {name: 'Oversold', of: f => f.oversold, write: count, wrong: f => f.oversold > 0, more: f => f.oversold > 0 ? 'This must be 0.' : 'as it must be'},
  {name: 'Waiting for the database', of: f => f.backlog, write: count},
  {name: 'Processor', of: f => f.cpu, write: n => `${Math.round(n * 100)} %`, more: f => f.rss_bytes ? `${bytes(f.rss_bytes)} of memory` : ''},
];

export class Figures {
  #cards = new Map(); #oversold = false;

  /** take keeps a frame of figures. */
  take(frame) {
    for (const kind of kinds) {
      const value = kind.of(frame);
      if (value === undefined || value === null) continue;
      let card = this.#cards.get(kind);
      if (!card) this.#cards.set(kind, card = this.#make(kind));
      card.last = [...card.last.slice(1 - minute), value];
      card.frame = frame;
    }
    if (frame.oversold > 0 && !this.#oversold) announce(`Oversold: ${frame.oversold} units. This must not happen.`, true);
    this.#oversold = frame.oversold > 0;
  }

  draw() {
    for (const [kind, card] of this.#cards) {
      say(card.value, kind.write(card.last.at(-1)));
      say(card.more, kind.more?.(card.frame) ?? '');
      card.node.classList.toggle('wrong', Boolean(kind.wrong?.(card.frame)));
      line(card.line, card.last, minute);
    }
  }

  // They stand in the order of kinds, whichever comes first.
  #make(kind) {
    const node = $('figure-template').content.firstElementChild.cloneNode(true);
    node.querySelector('.figure-name').textContent = kind.name;
    const after = kinds.slice(kinds.indexOf(kind) + 1).map(one => this.#cards.get(one)?.node).find(Boolean);
    $('figures').insertBefore(node, after ?? null);
    return {node, last: [], value: node.querySelector('.figure'), more: node.querySelector('.figure-more'), line: node.querySelector('polyline')};
  }
}
