// Tables whose columns are told as a list. Used by the order, fill and position tables.
//
// On narrow screens CSS turns each row into a card; then `data-name` of a cell is its label.

import { keyedRows, make } from "./elements.js";
import { setAttribute, setText } from "./frame.js";
import { t } from "./language.js";

const cellClass = (column) => `${column.right ? "right number" : ""} ${column.className ?? ""}`.trim();

/**
 * A table in `panel`. `columns`: { name: dictionary key, text(item), right, tone(item), className, create(cell) }.
 * Returns draw(items, emptyText); it writes only what changed.
 */
export function makeTable(panel, label, columns, key, mark = () => {}) {
  const heads = columns.map((column) => make("th", { scope: "col", class: cellClass(column) }));
  const body = make("tbody");
  const table = make("table", { class: "table" }, make("thead", {}, make("tr", {}, ...heads)), body);
  const empty = make("p", { class: "empty" });
  panel.append(table, empty);
  const create = (item) => {
    const row = make("tr");
    for (const column of columns) {
      const cell = make("td", { class: cellClass(column) });
      column.create?.(cell, item);
      row.append(cell);
    }
    return row;
  };
  const fill = (row, item) => {
    columns.forEach((column, index) => {
      const cell = row.children[index];
      if (column.name) setAttribute(cell, "data-name", t(column.name));
      if (column.text) setText(cell, column.text(item));
      if (column.tone) setAttribute(cell, "data-tone", column.tone(item));
      column.update?.(cell, item);
    });
    mark(row, item);
  };
  const drawRows = keyedRows(body, key, create, fill);
  return (items, emptyText) => {
    heads.forEach((head, index) => setText(head, columns[index].name ? t(columns[index].name) : ""));
    setAttribute(table, "aria-label", t(label));
    drawRows(items);
    table.hidden = items.length === 0;
    empty.hidden = items.length > 0;
    setText(empty, items.length === 0 ? emptyText : "");
  };
}
