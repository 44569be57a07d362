// Dialogs that are asked for an answer. The browser's <dialog> keeps the focus inside and gives it back.

import { byId } from "./elements.js";

/** Let the buttons marked `data-close` and a click beside the dialog close it. */
export function closeButtons(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close("");
  });
}

/** Ask before something that cannot be taken back. Resolves to whether "yes" was chosen. */
export function confirmAction(title, text, yes) {
  const dialog = byId("confirm-dialog");
  if (dialog.open) return Promise.resolve(false);
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  byId("confirm-yes").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function startDialogs() {
  closeButtons(byId("confirm-dialog"));
  closeButtons(byId("help-dialog"));
}
