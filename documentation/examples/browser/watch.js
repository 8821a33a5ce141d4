// Shows one product: ?server=ws://HOST/api/ws&product=ID[&protocol=msgpack].
import {Ticker} from '../../../api/pages/assets/ticker.js';
import {msgpack} from '../../../api/pages/assets/ticker-msgpack.js';

const wanted = new URLSearchParams(location.search);
const show = (id, text) => { document.getElementById(id).textContent = text; };

const ticker = new Ticker({
  url: wanted.get('server'),
  ...(wanted.get('protocol') === 'msgpack' && {codec: msgpack}),
  frame: frame => {
    if (frame.name) show('name', frame.name);
    if (frame.t === 's' || frame.t === 'u') show('stock', `version ${frame.s}: ${frame.a} available, ${frame.ph}`);
  },
  state: state => show('state', state),
  refused: (channel, error) => show('state', `${channel}: ${error.msg}`),
});
ticker.watch([`p:${wanted.get('product')}`], {hz: 10});
ticker.start();
