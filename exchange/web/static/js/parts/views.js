// Which part of the page a narrow screen shows. Wide screens show all parts; then this changes nothing visible.

import { byId } from "./elements.js";
import { touch } from "./frame.js";

/** Show a view: "markets", "chart", "book", "ticket" or "orders". */
export function showView(name) {
  document.body.dataset.view = name;
  for (const button of byId("views").querySelectorAll("[data-view]")) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  touch("view");
}

export function startViews() {
  byId("views").addEventListener("click", (event) => {
    const button = event.target.closest("[data-view]");
    if (button) showView(button.dataset.view);
  });
  showView("chart");
}
