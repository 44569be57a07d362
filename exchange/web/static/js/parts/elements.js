// Small helpers to make and move through elements. Used by every panel; nothing here knows what is shown.

/** An element with attributes and children (texts or elements). */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Arrow keys, Home and End move through a group of tabs or radio buttons; the chosen one is in the tab order. */
export function rovingGroup(group, selector, choose) {
  const items = () => [...group.querySelectorAll(selector)].filter((item) => !item.hidden);
  group.addEventListener("click", (event) => {
    const item = event.target.closest(selector);
    if (item) choose(item);
  });
  group.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(event.target.closest(selector));
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    let next = null;
    if (step) next = all[(at + step + all.length) % all.length];
    else if (event.key === "Home") next = all[0];
    else if (event.key === "End") next = all.at(-1);
    if (at < 0 || !next) return;
    event.preventDefault();
    choose(next);
    next.focus();
  });
}

/** Mark one item of a group with `attribute` = "true" and put it, and only it, in the tab order. */
export function markChosen(group, selector, chosen, attribute) {
  for (const item of group.querySelectorAll(selector)) {
    item.setAttribute(attribute, String(item === chosen));
    item.tabIndex = item === chosen ? 0 : -1;
  }
}

/** Tabs that show one panel each (`aria-controls`). Returns a function that chooses a tab by its id. */
export function startTabs(list, changed = () => {}) {
  const choose = (tab) => {
    markChosen(list, "[role=tab]", tab, "aria-selected");
    for (const other of list.querySelectorAll("[role=tab]")) {
      document.getElementById(other.getAttribute("aria-controls")).hidden = other !== tab;
    }
    changed(tab.id);
  };
  rovingGroup(list, "[role=tab]", choose);
  return (id) => choose(document.getElementById(id));
}

/** Rows of a table body that are kept and reused: `key(item)` names a row, `fill(row, item)` writes it. */
export function keyedRows(body, key, create, fill) {
  const rows = new Map();
  return (items) => {
    const wanted = new Set();
    let before = null;
    for (const item of items) {
      const name = key(item);
      wanted.add(name);
      let row = rows.get(name);
      if (row === undefined) {
        row = create(item);
        rows.set(name, row);
      }
      fill(row, item);
      const place = before === null ? body.firstChild : before.nextSibling;
      if (place !== row) body.insertBefore(row, place);
      before = row;
    }
    for (const [name, row] of rows) {
      if (!wanted.has(name)) {
        row.remove();
        rows.delete(name);
      }
    }
  };
}
