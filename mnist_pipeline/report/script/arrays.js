// The arrays of the run, which `report/arrays.py` packed into the element with the id "arrays".

const TYPES = [Uint8Array, Int8Array, Int16Array, Int32Array, Float32Array];

// Bytes through a stream that makes them smaller or restores them. In Firefox, a `Response` would
// log the error of damaged bytes although the caller handles it.
const sendThrough = async (bytes, stream) => {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
};
// Bytes as a text of letters, digits, "-" and "_", and back. Other Base64 is read as well.
export const deflate = async (bytes) => {
  const deflated = await sendThrough(bytes, new CompressionStream("deflate"));
  const encoded = btoa(String.fromCharCode(...deflated));
  return encoded.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};
export const inflate = async (encoded) => {
  const text = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return sendThrough(bytes, new DecompressionStream("deflate"));
};

// The bytes of an array are stored by their rank: the lowest byte of each number, then the second
// byte of each.
const unpack = (bytes, { type, shape, offset, step }) => {
  const Type = TYPES.find(({ name }) => name.toLowerCase() === `${type}array`);
  const count = shape.reduce((product, side) => product * side, 1);
  const array = new Type(count);
  const size = Type.BYTES_PER_ELEMENT;
  const unpacked = new Uint8Array(array.buffer);
  for (let rank = 0; rank < size; rank++) {
    const start = offset + rank * count;
    for (let i = 0; i < count; i++) unpacked[i * size + rank] = bytes[start + i];
  }
  const scaled = step === 1 ? array : Float32Array.from(array, (value) => step * value);
  return Object.assign(scaled, { shape });
};

// Typed arrays by name, each with its shape, and `facts`, the JSON values that come with them.
export const loadArrays = async () => {
  const { facts, layout, data } = JSON.parse(document.getElementById("arrays").textContent);
  const bytes = await inflate(data);
  const arrays = { facts };
  for (const [name, entry] of Object.entries(layout)) arrays[name] = unpack(bytes, entry);
  return arrays;
};
