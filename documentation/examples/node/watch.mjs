// watch.mjs ADDRESS CHANNEL [json|msgpack] prints what a product's channel tells.
import {decode, encode} from '@msgpack/msgpack';
import WebSocket from 'ws';

const [address, channel, protocol = 'json'] = process.argv.slice(2);
if (!channel || !['json', 'msgpack'].includes(protocol)) {
  console.error('usage: node watch.mjs ws://HOST/api/ws p:PRODUCT [json|msgpack]');
  process.exit(2);
}
const packed = protocol === 'msgpack';
const phases = ['scheduled', 'live', 'paused', 'sold_out', 'ended'];
const socket = new WebSocket(address, `stockticker.v1.${protocol}`);
let held = {e: 0, s: 0};

// In MessagePack an update is a list: [2, n, e, s, a, r, d, ph, ts].
const unpack = data => {
  const frame = decode(data);
  if (!Array.isArray(frame)) return frame;
  const [, , e, s, a, r, d, ph, ts] = frame;
  return {t: 'u', e, s, a, r, d, ph: phases[ph], ts};
};

const handlers = {
  hello: () => {
    const command = {id: 1, op: 'sub', ch: [channel], hz: 10};
    socket.send(packed ? encode(command) : JSON.stringify(command));
  },
  err: frame => {
    console.error(`${frame.code}: ${frame.msg}`);
    process.exitCode = 1;
    socket.close();
  },
  s: show,
  u: show,
  st: frame => console.log(`${frame.ch ?? 'connection'}: ${frame.st}`),
  bye: frame => console.log(`the server closes: ${frame.why}`),
};

// Take a state unless it is below what is held.
function show(frame) {
  if (frame.e < held.e || (frame.e === held.e && frame.s < held.s)) return;
  held = frame;
  console.log(`version ${frame.s}: ${frame.a} available, ${frame.r ?? '?'} reserved, ${frame.d ?? '?'} sold, ${frame.ph}`);
}

socket.on('message', data => {
  const frame = packed ? unpack(data) : JSON.parse(data);
  handlers[frame.t]?.(frame); // what is not known is ignored
});
socket.on('error', error => {
  console.error(error.message);
  process.exitCode = 1;
});
