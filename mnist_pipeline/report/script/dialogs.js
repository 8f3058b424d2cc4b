// Dialogs that also close when the reader goes back in the browser: an open dialog has an entry in
// the history.

const opened = []; // the last one is on top
const numberHere = () => history.state?.dialogs ?? 0; // open dialogs at this entry

export const openDialog = (dialog) => {
  if (dialog.open) return;
  opened.push(dialog);
  history.pushState({ dialogs: opened.length }, "");
  dialog.showModal();
};

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => {
    if (opened.includes(dialog)) opened.splice(opened.indexOf(dialog), 1);
    if (numberHere() > opened.length) history.back();
  });
}
addEventListener("popstate", () => {
  while (opened.length > numberHere()) opened.pop().close();
});
