// The contents follow the reader: they mark the section at a third of the screen, and show the
// digit of the sheet.
import { loaded } from "./start.js";

const links = [...document.querySelectorAll("nav a")];
const mark = ({ target, isIntersecting }) => {
  const link = links.find(({ hash }) => hash === `#${target.getAttribute("aria-labelledby")}`);
  link.ariaCurrent = String(isIntersecting);
  if (isIntersecting) link.closest("ul").scrollLeft = link.offsetLeft - innerWidth / 3;
};
const watch = new IntersectionObserver((entries) => entries.forEach(mark), {
  rootMargin: "-33% 0% -67%",
});
for (const section of document.querySelectorAll("main > section")) watch.observe(section);

loaded.then(({ reader }) => reader.follow(document.querySelector("nav"), () => {}));
