// Files in a ZIP archive. They are stored without compression: pictures are compressed already.

const LOCAL = 0x04034b50; // signatures of the three kinds of headers, as the last two
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20; // 2.0, which all programs read
const UTF8 = 0x0800; // the flag of names in UTF-8
const FIRST_DAY = 0x21; // 1 January 1980, so that equal files make equal archives

const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  }
  return remainder;
});
// CRC-32, the checksum of ZIP and PNG.
const checksumOf = (bytes) => {
  let remainder = 0xffffffff;
  for (const byte of bytes) remainder = (remainder >>> 8) ^ REMAINDERS[(remainder ^ byte) & 255];
  return ~remainder >>> 0;
};

// Numbers as little-endian bytes: [value, number of bytes] each.
const packed = (...fields) =>
  fields.flatMap(([value, count]) =>
    Array.from({ length: count }, (_, place) => (value >>> (8 * place)) & 255),
  );

// The bytes of an archive with files { path, bytes }. Folders in a path are separated by "/".
export const zipOf = (files) => {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { path, bytes } of files) {
    const name = new TextEncoder().encode(path);
    const sizes = [
      [checksumOf(bytes), 4],
      [bytes.length, 4],
      [bytes.length, 4],
    ];
    const common = packed(
      [VERSION, 2],
      [UTF8, 2],
      [0, 2], // stored
      [0, 2], // midnight
      [FIRST_DAY, 2],
      ...sizes,
      [name.length, 2],
      [0, 2], // bytes of extra fields
    );
    const header = packed([LOCAL, 4]).concat(common);
    parts.push(Uint8Array.from(header), name, bytes);
    // No comment, the first disk, no attributes, and where the file begins.
    const rest = packed([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]);
    const entry = packed([CENTRAL, 4], [VERSION, 2]).concat(common, rest);
    directory.push(Uint8Array.from(entry), name);
    offset += header.length + name.length + bytes.length;
  }
  const size = directory.reduce((total, { length }) => total + length, 0);
  const count = files.length;
  const end = packed([END, 4], [0, 4], [count, 2], [count, 2], [size, 4], [offset, 4], [0, 2]);
  const archive = new Uint8Array(offset + size + end.length);
  let at = 0;
  for (const part of [...parts, ...directory, end]) {
    archive.set(part, at);
    at += part.length;
  }
  return archive;
};
