// The arrays of the run, which `report/arrays.py` packed into the element with the id "arrays".
// They are unpacked once, when they are first needed.
const Arrays = (() => {
  const TYPES = { uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, float32: Float32Array };

  const inflate = (encoded) => {
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
  };
  // The bytes of an array are stored by their rank: the lowest byte of each number, then the second byte of each.
  const unpack = (bytes, { type, shape, offset, step }) => {
    const count = shape.reduce((product, side) => product * side, 1);
    const array = new TYPES[type](count), own = new Uint8Array(array.buffer), size = array.BYTES_PER_ELEMENT;
    for (let rank = 0; rank < size; rank++) {
      const start = offset + rank * count;
      for (let i = 0; i < count; i++) own[i * size + rank] = bytes[start + i];
    }
    return Object.assign(step === 1 ? array : Float32Array.from(array, (value) => step * value), { shape });
  };

  const read = async () => {
    const { facts, layout, data } = JSON.parse(document.getElementById("arrays").textContent);
    const bytes = new Uint8Array(await inflate(data)), arrays = { facts };
    for (const [name, entry] of Object.entries(layout)) arrays[name] = unpack(bytes, entry);
    return arrays;
  };

  // A promise of typed arrays by name, each with its shape, and of `facts`, the JSON values that come with them.
  return { load: () => (Arrays.promise ??= read()) };
})();
