// Short messages that come and go, and what screen readers are told.

import { byId, make } from "./elements.js";

const SHOWN_MS = 6_000;
const MOST = 4;

/** Show a message for some seconds; `tone`: "good", "bad" or "plain". */
export function toast(text, tone = "plain") {
  const box = byId("toasts");
  const element = make("div", { class: "toast", "data-tone": tone }, text);
  box.append(element);
  while (box.childElementCount > MOST) box.firstElementChild.remove();
  element.addEventListener("click", () => element.remove());
  setTimeout(() => element.remove(), SHOWN_MS);
}

/** Tell screen readers something at once, without showing it. */
export function announce(text) {
  byId("alerts").textContent = text;
}
