// Links that restore what one sees: `address.js` says what they have.
import {
  firstInputs,
  isLocal,
  linkTo,
  LONGEST,
  LONGEST_SIGNS,
  readInputs,
  rememberInputs,
} from "./address.js";
import { entryAt } from "./algebra.js";
import { inflate } from "./arrays.js";
import { loaded } from "./start.js";

const CONFIRMED = 2000; // milliseconds

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

// Teach the signs of a link, if it has some and they are whole.
const teachSigns = async (state, { arrays, signs }) => {
  const encoded = state.get("drawings") ?? "";
  const names = parsed(state.get("signs") ?? "[]");
  if (!encoded || encoded.length > LONGEST_SIGNS) return;
  const bytes = await inflate(encoded).catch(() => []);
  const size = entryAt(arrays["test.images"], 0).length;
  if (bytes.length !== names.length * size || !signs.isEmpty()) return;
  const drawings = Object.assign(bytes, { shape: [names.length] });
  for (const [i, name] of names.entries()) await signs.teach(name, entryAt(drawings, i));
};
// The texts in JSON; none if it is damaged.
const parsed = (json) => {
  try {
    return JSON.parse(json).map(String);
  } catch {
    return [];
  }
};

loaded.then(({ arrays, reader, signs }) => {
  // In this frame, the figures have set the values that depend on the data.
  requestAnimationFrame(rememberInputs);
  const restore = async () => {
    if (!location.hash.includes("=")) return; // a link to a section
    const state = new URLSearchParams(location.hash.slice(1));
    const digit = await readDigit(state, { arrays, reader });
    if (digit) reader.show(digit);
    teachSigns(state, { arrays, signs });
    // The figures show the digit in this frame, before their inputs change.
    requestAnimationFrame(() => {
      const inputs = readInputs();
      const section = document.getElementById(state.get("section")) ?? document.body;
      section.scrollIntoView({ behavior: "instant" });
      for (const [key, value] of new Map([...firstInputs(), ...state])) {
        if (inputs.get(key) !== value) setInput(key, value);
      }
    });
  };
  const copy = async ({ currentTarget: button }) => {
    const link = await linkTo({ arrays, reader, signs });
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      return prompt("Copy this link:", link); // without a clipboard, as in old browsers
    }
    const limit = isLocal() ? " It works only on this computer." : "";
    document.querySelector("#figure-draw .heard").textContent = `The link is copied.${limit}`;
    button.classList.add("copied");
    button.classList.toggle("local", Boolean(limit));
    setTimeout(() => button.classList.remove("copied"), CONFIRMED);
  };
  for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", copy);
  addEventListener("hashchange", restore);
  restore();
});
