// live.js is the operator's console: the figures of the server, all products, and one of them
// closely.
import {$, account, announce, connect, painter, pausable, say} from './shell.js';
import {api} from './session.js';
import {Stock} from './stock.js';
import {Table} from './table.js';
import {Detail} from './detail.js';
import {Figures} from './figures.js';
import {phase, soon} from './format.js';

const fallbackMax = 190; // products that are watched one by one where there is no board of all
const pageMax = 100;

function refuse(user) {
  $('closed').hidden = false;
  say($('closed-why'), user
    ? 'This page is for operators. If you are one, your account needs a second factor: set it up under Account, then sign in with it.'
    : 'This page is for operators. Sign in as one.');
}

function open() {
  $('open').hidden = false;
  const stock = new Stock(), figures = new Figures();
  let told = false; // whether the server tells figures of itself
  const ticker = connect({frame: take, refused, state(state) { if (state === 'live') say($('node'), ticker.hello.node ?? ''); }});
  const detail = new Detail(stock, ticker, id => { table.chosen = null; table.focus(id); paint(); });
  const table = new Table(stock, id => { table.chosen = id; detail.open(id); paint(); });
  const isPaused = pausable(() => paint());
  const paint = painter(() => { figures.draw(); table.draw(ticker.clock.now()); detail.draw(); header(); }, isPaused);

  function take(frame) {
    if (frame.t === 'sys') { told = true; figures.take(frame); paint(); return; }
    if (frame.p || frame.c) { stock.take(frame, ticker.clock.now()); paint(); }
  }

  function refused(channel) {
    if (channel === 'sys') $('figures-none').hidden = false;
    if (channel === '*') one(0).catch(error => announce(`The products cannot be read: ${error.message}`, true));
  }

  // Without a board of all products, the first of them are watched one by one.
  async function one(known, cursor) {
    const page = await api(`/api/products?limit=${Math.min(pageMax, fallbackMax - known)}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
    for (const product of page.items) stock.put(product);
    ticker.watch(page.items.map(product => 'p:' + product.id), {hz: 5, slow: true});
    paint();
    known += page.items.length;
    if (page.next_cursor && known < fallbackMax) await one(known, page.next_cursor);
  }

  // The sale that people look at: the next to end, else the next to begin.
  function header() {
    const now = ticker.clock.now();
    let best = null;
    for (const one of stock.products.values()) {
      const is = soon(one.ph, one.start, one.end, now);
      if (!(is === 'live' && one.end || is === 'scheduled' && one.start)) continue;
      const at = is === 'live' ? one.end : one.start;
      if (!best || (is === 'live') > (best.is === 'live') || is === best.is && at < best.at) best = {one, is, at};
    }
    say($('sale'), best ? `${best.one.name || best.one.sku}: ${phase(best.is, best.one.start, best.one.end, now)}` : '');
  }

  $('veil').hidden = false;
  $('veil').addEventListener('click', () => {
    const veiled = document.body.classList.toggle('veiled');
    $('veil').setAttribute('aria-pressed', String(veiled));
  });
  setInterval(() => {
    const made = stock.second(detail.chosen);
    if (!told && stock.products.size) figures.take(made);
    paint();
  }, 1000);
  ticker.watch(['*'], {hz: 5, slow: true});
  ticker.watch(['sys'], {hz: 1});
  ticker.start();
}

const user = await account();
if (user?.role === 'admin') open();
else refuse(user);
