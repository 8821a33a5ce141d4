// ticker-msgpack.js is the codec of stockticker.v1.msgpack for ticker.js: the same frames in
// fewer bytes. It knows what the protocol uses of MessagePack, and refuses the rest.
//
//   new Ticker({codec: msgpack, …})

const phases = ['scheduled', 'live', 'paused', 'sold_out', 'ended'];
const depthMax = 8;
const text = {encoder: new TextEncoder(), decoder: new TextDecoder('utf-8', {fatal: true})};

/** decode reads one value that fills the bytes. */
export function decode(data) {
  const bytes = new Uint8Array(data), view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = n => { at += n; if (at > bytes.length) throw new RangeError('the value is cut off'); return at - n; };
  const string = n => { const from = take(n); return text.decoder.decode(bytes.subarray(from, from + n)); };
  const items = (n, depth) => { const list = []; while (n-- > 0) list.push(value(depth)); return list; };
  const map = (n, depth) => {
    const object = Object.create(null);
    while (n-- > 0) { const key = value(depth); if (typeof key !== 'string') throw new TypeError('a key must be text'); object[key] = value(depth); }
    return object;
  };
  const whole = n => { const number = Number(n); if (!Number.isSafeInteger(number)) throw new RangeError('the number is too large'); return number; };
  function value(depth) {
    if (depth > depthMax) throw new RangeError('it is nested too deeply');
    const kind = view.getUint8(take(1));
    if (kind < 0x80) return kind;
    if (kind < 0x90) return map(kind & 0x0f, depth + 1);
    if (kind < 0xa0) return items(kind & 0x0f, depth + 1);
    if (kind < 0xc0) return string(kind & 0x1f);
    if (kind >= 0xe0) return kind - 256;
    switch (kind) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xca: return view.getFloat32(take(4));
      case 0xcb: return view.getFloat64(take(8));
      case 0xcc: return view.getUint8(take(1));
      case 0xcd: return view.getUint16(take(2));
      case 0xce: return view.getUint32(take(4));
      case 0xcf: return whole(view.getBigUint64(take(8)));
      case 0xd0: return view.getInt8(take(1));
      case 0xd1: return view.getInt16(take(2));
      case 0xd2: return view.getInt32(take(4));
      case 0xd3: return whole(view.getBigInt64(take(8)));
      case 0xd9: return string(view.getUint8(take(1)));
      case 0xda: return string(view.getUint16(take(2)));
      case 0xdb: return string(view.getUint32(take(4)));
      case 0xdc: return items(view.getUint16(take(2)), depth + 1);
      case 0xdd: return items(view.getUint32(take(4)), depth + 1);
      case 0xde: return map(view.getUint16(take(2)), depth + 1);
      case 0xdf: return map(view.getUint32(take(4)), depth + 1);
    }
    throw new TypeError(`0x${kind.toString(16)} is not used here`);
  }
  const decoded = value(0);
  if (at !== bytes.length) throw new RangeError('something follows the value');
  return decoded;
}

/** encode writes what commands are made of. */
export function encode(thing) {
  const out = [];
  const head = (n, small, smallMax, wide, very) => {
    if (n < smallMax) out.push(small | n);
    else if (n < 0x10000) out.push(wide, n >> 8, n & 0xff);
    else out.push(very, n >>> 24, n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff);
  };
  const put = value => {
    if (value === null || value === undefined) out.push(0xc0);
    else if (typeof value === 'boolean') out.push(value ? 0xc3 : 0xc2);
    else if (typeof value === 'string') { const bytes = text.encoder.encode(value); head(bytes.length, 0xa0, 32, 0xda, 0xdb); for (const b of bytes) out.push(b); }
    else if (Array.isArray(value)) { head(value.length, 0x90, 16, 0xdc, 0xdd); value.forEach(put); }
    else if (typeof value === 'object') { const all = Object.entries(value); head(all.length, 0x80, 16, 0xde, 0xdf); for (const [k, v] of all) { put(k); put(v); } }
    else if (Number.isInteger(value) && value >= 0 && value < 128) out.push(value);
    else {
      const isWhole = Number.isSafeInteger(value), view = new DataView(new ArrayBuffer(8));
      if (isWhole) view.setBigInt64(0, BigInt(value)); else view.setFloat64(0, value);
      out.push(isWhole ? 0xd3 : 0xcb, ...new Uint8Array(view.buffer));
    }
  };
  put(thing);
  return Uint8Array.from(out);
}

// Rows are arrays of numbers; n stands for the product, which its first frame has told.
export const msgpack = {
  protocol: 'stockticker.v1.msgpack',
  open() {
    const products = new Map();
    const row = ([n, e, s, a, r, d, ph, ts]) => ({p: products.get(n), e, s, a, r, d, ph: phases[ph] ?? 'unknown', ts});
    const learn = fact => {
      if (fact.p && fact.n !== undefined) products.set(fact.n, fact.p);
      if (typeof fact.ph === 'number') fact.ph = phases[fact.ph] ?? 'unknown';
      return fact;
    };
    return {
      encode,
      decode(data) {
        const frame = decode(data);
        if (Array.isArray(frame)) return frame[0] === 2 && products.has(frame[1]) ? {t: 'u', ...row(frame.slice(1))} : null;
        if (frame.t === 's' && frame.p) learn(frame);
        if (frame.c && frame.t !== 'm' && Array.isArray(frame.i)) frame.i = frame.i.map(one => Array.isArray(one) ? row(one) : learn(one)).filter(one => one.p);
        return frame;
      },
    };
  },
};
