// board.js follows what is on sale, and buys. The server has drawn the first products; the
// script takes them over as they are.
import {$, account, announce, connect, painter, pausable} from './shell.js';
import {api, decide, newKey} from './session.js';
import {Tile, refusal} from './tile.js';
import {Orders} from './orders.js';
import {count, estimate} from './format.js';

const watchedMax = 190; // channels that a connection may have, less those of orders
const summaryEvery = 15_000;
const pendingKey = 'holdfast.pending'; // orders of which nobody knows yet whether they were taken

const tiles = new Map(), dirty = new Set();
let user = null;

const ticker = connect({frame: take, state(state) { if (state === 'live' && !tiles.size && !$('find').elements.q.value) search(); }});
const isPaused = pausable(() => { for (const tile of tiles.values()) dirty.add(tile); paint(); });
const paint = painter(() => {
  const now = ticker.clock.now();
  for (const tile of dirty) tile.draw(now);
  dirty.clear();
}, isPaused);
const orders = new Orders(ticker.clock, id => tiles.get(id)?.product.name);

function take(frame) {
  if (frame.t === 'o') return void orders.look(frame.o);
  const rows = frame.p ? [frame] : frame.t === 'm' ? frame.i.map(row => ({t: 'm', ...row})) : [];
  for (const row of rows) {
    const tile = tiles.get(row.p);
    if (!tile) continue;
    const news = tile.take(row);
    if (news && !document.hidden && !isPaused()) announce(news, true);
    dirty.add(tile);
  }
  if (dirty.size) paint();
}

function add(product, node) {
  if (tiles.has(product.id)) return;
  const tile = new Tile(product, node);
  tiles.set(product.id, tile);
  tile.offer(user, buy);
  if (!node) $('tiles').append(tile.node);
  dirty.add(tile);
}

const channels = products => products.map(product => 'p:' + product.id);

// What is searched for, as the API and the address of this page have it.
function wanted() {
  const query = new URLSearchParams(new FormData($('find')));
  for (const [name, value] of [...query]) if (!value.trim()) query.delete(name);
  const category = new URLSearchParams(location.search).get('category');
  if (category) query.set('category', category);
  return query;
}

async function search(cursor) {
  const query = wanted(), address = query.size ? '/?' + query : '/';
  if (cursor) query.set('cursor', cursor);
  let page;
  try {
    page = await api('/api/products?' + query);
  } catch (error) {
    return announce(`The search was refused: ${error.message}`, true);
  }
  if (!cursor) {
    ticker.unwatch([...tiles.keys()].map(id => 'p:' + id));
    tiles.clear(); dirty.clear();
    $('tiles').replaceChildren();
    history.replaceState(null, '', address);
    for (const old of document.querySelectorAll('main > .empty:not(#empty)')) old.remove();
  }
  for (const product of page.items) add(product);
  ticker.watch(channels(page.items), {hz: 5, slow: true});
  $('empty').hidden = tiles.size > 0;
  const more = $('more');
  more.hidden = !page.next_cursor;
  more.dataset.cursor = page.next_cursor ?? '';
  if (page.next_cursor) { query.set('cursor', page.next_cursor); more.href = '/?' + query; }
  announce(cursor ? `${count(page.items.length)} more products.` : `${count(page.items.length)} products${page.next_cursor ? ', and more' : ''}.`, true);
  paint();
}

const pending = {
  all: () => JSON.parse(sessionStorage.getItem(pendingKey) ?? '{}'),
  set(id, value) {
    const all = {...this.all(), [id]: value};
    if (!value) delete all[id];
    sessionStorage.setItem(pendingKey, JSON.stringify(all));
  },
};

// One attempt keeps its key until there is a definite answer, also over a reload.
async function buy(tile, quantity) {
  const id = tile.product.id, before = pending.all()[id];
  const attempt = before?.quantity === quantity ? before : {key: newKey(), quantity};
  pending.set(id, attempt);
  tile.working(true);
  tile.note = null;
  try {
    const order = await decide('/api/orders', {method: 'POST', key: attempt.key, body: {items: [{product_id: id, quantity}]}}, () => {
      tile.note = {text: () => 'No definite answer yet. We keep asking, with the same key: it will not be placed twice.'};
      dirty.add(tile); paint();
    });
    pending.set(id, null);
    orders.put(order);
    tile.note = {good: true, text: () => 'Held for you. Confirm it in “Your open orders”.'};
    announce(`${count(quantity)} of ${tile.product.name} held for you. Confirm it in your open orders.`, true);
    setTimeout(() => { if (tile.note?.good) { tile.note = null; dirty.add(tile); paint(); } }, 8000);
  } catch (error) {
    if (error.code && error.status < 500) pending.set(id, null);
    tile.note = {text: refusal(error, quantity)};
    announce(tile.note.text(ticker.clock.now()), true);
  }
  tile.working(false);
  dirty.add(tile);
  paint();
}

// What a page that was left did not hear the end of.
async function settle() {
  for (const [id, {key}] of Object.entries(pending.all())) {
    try {
      await api('/api/orders/by-key/' + key);
      pending.set(id, null);
    } catch (error) {
      if (error.status === 404) pending.set(id, null);
    }
  }
}

function summarise() {
  const tile = [...tiles.values()].find(one => one.node.contains(document.activeElement));
  if (!tile || isPaused() || tile.summary === tile.numbers.a) return;
  tile.summary = tile.numbers.a;
  announce([`${tile.product.name}: ${count(tile.numbers.a)} left`, estimate(tile.slow?.eta)].filter(Boolean).join(', '));
}

async function begin() {
  for (const node of $('tiles').children) add(JSON.parse(node.dataset.product), node);
  ticker.watch(channels([...tiles.values()].map(tile => tile.product)), {hz: 5, slow: true});
  ticker.start();
  $('find').addEventListener('submit', event => { event.preventDefault(); search(); });
  $('more').addEventListener('click', event => {
    if (tiles.size >= watchedMax) return; // the next page is a page of its own
    event.preventDefault();
    search(event.currentTarget.dataset.cursor);
  });
  setInterval(() => { for (const tile of tiles.values()) if (tile.start || tile.end || tile.note) dirty.add(tile); paint(); orders.draw(); }, 500);
  setInterval(summarise, summaryEvery);
  user = await account();
  for (const tile of tiles.values()) { tile.offer(user, buy); dirty.add(tile); }
  paint();
  if (!user) return;
  ticker.watch(['o:' + user.id], {hz: 5});
  await settle();
  await orders.load(user.id).catch(error => announce(`Your orders cannot be read: ${error.message}`, true));
}

begin();
