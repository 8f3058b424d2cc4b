// Links to the present state of the page. After "#" they have the section, the digit, the signs
// that were taught, and the inputs that differ from their first values, by the names of their
// figures:
// #section=neighbors&test=18&figure-neighbors.k=7
import { deflate } from "./arrays.js";

export const LONGEST = 2000; // characters of an image in a link; more could inflate to any size
export const LONGEST_SIGNS = 4000; // characters of the signs in a link
const LOCAL = ["", "localhost", "127.0.0.1"]; // hosts of pages that nobody else can open
const FIGURE = "[id^='figure-'], dialog[open]";

const valueOf = ({ type, checked, value }) => (type === "checkbox" ? String(checked) : value);
// The values of all inputs with a name. Of radio buttons, the checked one counts.
export const readInputs = () => {
  const inputs = [...document.querySelectorAll(`:is(${FIGURE}) input[name]`)];
  const used = inputs.filter(({ type, checked }) => type !== "radio" || checked);
  const keyOf = (input) => `${input.closest(FIGURE).id}.${input.name}`;
  return new Map(used.map((input) => [keyOf(input), valueOf(input)]));
};
let first = new Map(); // the values of an untouched page
export const rememberInputs = () => (first = readInputs());
export const firstInputs = () => first;

export const isLocal = () => LOCAL.includes(location.hostname);
const pageAddress = () => location.href.split("#")[0];
// The names and the drawings of the signs that were taught, for a link.
const packSigns = async (signs) => {
  const entries = signs.entries();
  const bytes = Uint8Array.from(entries.flatMap(({ image }) => [...image]));
  return [JSON.stringify(entries.map(({ name }) => name)), await deflate(bytes)];
};
export const linkTo = async ({ arrays, reader, signs }) => {
  const { image, place, base } = reader.current();
  const state = new URLSearchParams();
  const section = document.querySelector("nav [aria-current='true']");
  if (section) state.set("section", section.hash.slice(1));
  if (place === null) {
    const encoded = await deflate(Uint8Array.from(base?.image ?? image));
    if (encoded.length <= LONGEST) state.set("image", encoded);
  } else state.set("test", arrays["test.indices"][place]);
  if (!signs.isEmpty()) {
    const [names, drawings] = await packSigns(signs);
    if (names.length + drawings.length <= LONGEST_SIGNS) {
      state.set("signs", names);
      state.set("drawings", drawings);
    }
  }
  for (const [key, value] of readInputs()) if (first.get(key) !== value) state.set(key, value);
  return `${pageAddress()}#${state}`;
};
