// The elements of a page, and the data set that it is about.

export const data = JSON.parse(document.getElementById("page-data").textContent);

export const element = (name, properties, ...children) => {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
};
// An element by its id, and functions that find elements in it.
export const openFigure = (id) => {
  const figure = document.getElementById(id);
  const find = (selector) => figure.querySelector(selector);
  const findAll = (selector) => [...figure.querySelectorAll(selector)];
  return { figure, find, findAll };
};
export const setAttributes = (target, attributes) => {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, value);
  return target;
};
export const svg = (name, attributes) => {
  const { namespaceURI } = document.querySelector("svg");
  return setAttributes(document.createElementNS(namespaceURI, name), attributes);
};

const BUDGET = 5; // milliseconds of a frame, which also answers and paints
// A function to await between pieces of work, so that the page stays usable: it waits for the next
// frame when they have used their part of one.
export const createPause = (budget = BUDGET) => {
  let end = 0;
  return async () => {
    if (performance.now() < end) return;
    await new Promise(requestAnimationFrame);
    end = performance.now() + budget;
  };
};
// Run a function in the next frame, once for all calls before it.
export const perFrame = (work) => {
  let frame = 0;
  const run = () => {
    frame = 0;
    work();
  };
  return () => {
    if (!frame) frame = requestAnimationFrame(run); // not later, if it is called in each frame
  };
};
