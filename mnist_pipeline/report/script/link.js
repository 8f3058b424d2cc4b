// Links that restore what one sees. The part of the address after "#" has the section, the digit,
// and the inputs that differ from their first values, by the names of their figures:
// #section=neighbors&test=18&figure-neighbors.k=7
import { deflate, inflate } from "./arrays.js";
import { loaded } from "./start.js";

const LONGEST = 2000; // characters of an image in a link; more could inflate to any size
const CONFIRMED = 2000; // milliseconds
const LOCAL = ["", "localhost", "127.0.0.1"]; // hosts of pages that nobody else can open
const FIGURE = "[id^='figure-'], dialog[open]";

const valueOf = ({ type, checked, value }) => (type === "checkbox" ? String(checked) : value);
// The values of all inputs with a name. Of radio buttons, the checked one counts.
const readInputs = () => {
  const inputs = [...document.querySelectorAll(`:is(${FIGURE}) input[name]`)];
  const used = inputs.filter(({ type, checked }) => type !== "radio" || checked);
  const keyOf = (input) => `${input.closest(FIGURE).id}.${input.name}`;
  return new Map(used.map((input) => [keyOf(input), valueOf(input)]));
};
let first; // the values of an untouched page

const setInput = (key, value) => {
  const [id, name] = key.split(".");
  const inputs = document.getElementById(id)?.querySelectorAll("input[name]") ?? [];
  const isMeant = (each) => each.name === name && (each.type !== "radio" || each.value === value);
  const input = [...inputs].find(isMeant);
  if (!input) return;
  if (input.type === "radio") input.checked = true;
  else if (input.type === "checkbox") input.checked = value === "true";
  else input.value = value;
  for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, { bubbles: true }));
};

const writeState = async ({ arrays, reader }) => {
  const { image, place } = reader.current();
  const state = new URLSearchParams();
  const section = document.querySelector("nav [aria-current='true']");
  if (section) state.set("section", section.hash.slice(1));
  if (place === null) {
    const encoded = await deflate(Uint8Array.from(image));
    if (encoded.length <= LONGEST) state.set("image", encoded);
  } else state.set("test", arrays["test.indices"][place]);
  for (const [key, value] of readInputs()) if (first.get(key) !== value) state.set(key, value);
  return state;
};
// The digit of a link; undefined if this page lacks it or the link is damaged.
const readDigit = async (state, { arrays, reader }) => {
  if (state.has("test")) {
    const place = arrays["test.indices"].indexOf(Number(state.get("test")));
    return place < 0 ? undefined : reader.digitAt(place);
  }
  const encoded = state.get("image") ?? "";
  const image = encoded.length <= LONGEST ? await inflate(encoded).catch(() => []) : [];
  if (image.length !== reader.digitAt(0).image.length) return undefined;
  return { image, label: null, place: null };
};

loaded.then(({ arrays, reader }) => {
  // In this frame, the figures have set the values that depend on the data.
  requestAnimationFrame(() => {
    first = readInputs();
  });
  const restore = async () => {
    if (!location.hash.includes("=")) return; // a link to a section
    const state = new URLSearchParams(location.hash.slice(1));
    const digit = await readDigit(state, { arrays, reader });
    if (digit) reader.show(digit);
    // The figures show the digit in this frame, before their inputs change.
    requestAnimationFrame(() => {
      const inputs = readInputs();
      const section = document.getElementById(state.get("section")) ?? document.body;
      section.scrollIntoView({ behavior: "instant" });
      for (const [key, value] of new Map([...first, ...state])) {
        if (inputs.get(key) !== value) setInput(key, value);
      }
    });
  };
  const copy = async ({ currentTarget: button }) => {
    const link = `${location.href.split("#")[0]}#${await writeState({ arrays, reader })}`;
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      return prompt("Copy this link:", link); // without a clipboard, as in old browsers
    }
    const limit = LOCAL.includes(location.hostname) ? " It works only on this computer." : "";
    document.querySelector("#figure-draw .heard").textContent = `The link is copied.${limit}`;
    button.classList.add("copied");
    button.classList.toggle("local", Boolean(limit));
    setTimeout(() => button.classList.remove("copied"), CONFIRMED);
  };
  for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", copy);
  addEventListener("hashchange", restore);
  restore();
});
