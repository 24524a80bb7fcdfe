// A QR code of one short text, as rows of booleans: alphanumeric mode, level M, versions 1 to 3 (ISO/IEC 18004).
//
// These versions have one block of codewords, so that nothing has to be interleaved; the mask is always the first one.
const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const VERSIONS = [
  { size: 21, data: 16, check: 10, align: 0 },
  { size: 25, data: 28, check: 16, align: 18 },
  { size: 29, data: 44, check: 26, align: 22 },
];

export function qr(text) {
  const bits = encoded(text);
  const version = VERSIONS.find(({ data }) => bits.length <= data * 8);
  if (!version) throw new Error(`too long for this code: ${text.length} characters`);
  const data = codewords(bits, version.data);
  return drawn(version, [...data, ...checks(data, version.check)]);
}

function encoded(text) {
  const bits = [];
  const put = (value, length) => {
    for (let place = length - 1; place >= 0; place -= 1) bits.push((value >> place) & 1);
  };
  const values = [...text].map((letter) => LETTERS.indexOf(letter));
  if (values.includes(-1)) throw new Error("a letter that this code does not hold");
  put(0b0010, 4);
  put(values.length, 9);
  for (let place = 0; place + 1 < values.length; place += 2) put(values[place] * 45 + values[place + 1], 11);
  if (values.length % 2) put(values.at(-1), 6);
  return bits;
}

function codewords(bits, length) {
  const full = [...bits];
  for (let zeros = 0; zeros < 4 && full.length < length * 8; zeros += 1) full.push(0);
  while (full.length % 8) full.push(0);
  const bytes = [];
  for (let place = 0; place < full.length; place += 8) bytes.push(parseInt(full.slice(place, place + 8).join(""), 2));
  for (let pad = 0xec; bytes.length < length; pad ^= 0xec ^ 0x11) bytes.push(pad);
  return bytes;
}

// --- Reed-Solomon over GF(256), x^8 + x^4 + x^3 + x^2 + 1 --------------------------------------------------------

function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

function checks(data, length) {
  const divisor = generator(length);
  const rest = new Array(length).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    divisor.forEach((value, place) => (rest[place] ^= times(value, factor)));
  }
  return rest;
}

function generator(length) {
  const product = new Array(length).fill(0);
  product[length - 1] = 1;
  let root = 1;
  for (let factor = 0; factor < length; factor += 1) {
    for (let place = 0; place < length; place += 1) {
      product[place] = times(product[place], root) ^ (product[place + 1] ?? 0);
    }
    root = times(root, 2);
  }
  return product;
}

// --- the picture -------------------------------------------------------------------------------------------------

function drawn({ size, align }, bytes) {
  const dark = Array.from({ length: size }, () => new Array(size).fill(null));
  const set = (x, y, value) => (dark[y][x] = Boolean(value));
  for (let place = 0; place < size; place += 1) {
    set(6, place, place % 2 === 0);
    set(place, 6, place % 2 === 0);
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) finder(x, y, size, set);
  if (align) square(align, align, 2, (far) => far !== 1, set);
  format(size, set);
  place(dark, size, bytes);
  return dark;
}

function square(x, y, reach, isDark, set) {
  for (let down = -reach; down <= reach; down += 1) {
    for (let right = -reach; right <= reach; right += 1) {
      set(x + right, y + down, isDark(Math.max(Math.abs(right), Math.abs(down))));
    }
  }
}

function finder(x, y, size, set) {
  const inside = (at) => at >= 0 && at < size;
  square(x, y, 4, (far) => far !== 2 && far !== 4, (right, down, value) => inside(right) && inside(down) && set(right, down, value));
}

// Level M and the first mask are 00 000, and so is their check: what is left is the fixed pattern.
const FORMAT = 0x5412;

function format(size, set) {
  const bit = (place) => (FORMAT >> place) & 1;
  for (let at = 0; at < 6; at += 1) set(8, at, bit(at));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let at = 9; at < 15; at += 1) set(14 - at, 8, bit(at));
  for (let at = 0; at < 8; at += 1) set(size - 1 - at, 8, bit(at));
  for (let at = 8; at < 15; at += 1) set(8, size - 15 + at, bit(at));
  set(8, size - 8, true);
}

function place(dark, size, bytes) {
  let next = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      for (const x of [right, right - 1]) {
        const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
        if (dark[y][x] !== null) continue;
        const bit = next < bytes.length * 8 && (bytes[next >> 3] >> (7 - (next & 7))) & 1;
        dark[y][x] = Boolean(bit) !== ((x + y) % 2 === 0);
        next += 1;
      }
    }
  }
}
