// The arrays of the run, which `report/arrays.py` packed into the element with the id "arrays".

const TYPES = [Uint8Array, Int8Array, Int16Array, Int32Array, Float32Array];

const inflate = (encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
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
  const bytes = new Uint8Array(await inflate(data));
  const arrays = { facts };
  for (const [name, entry] of Object.entries(layout)) arrays[name] = unpack(bytes, entry);
  return arrays;
};
