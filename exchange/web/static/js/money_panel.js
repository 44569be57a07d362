// Balances of the signed-in account, by currency.

import { account } from "./account.js";
import { signedIn } from "./credentials.js";
import { byId, keyedRows, make } from "./elements.js";
import { onFrame, setText } from "./frame.js";
import { moneyText, t } from "./language.js";

const create = () =>
  make(
    "tr",
    {},
    make("td", { class: "strong" }),
    ...[1, 2, 3].map(() => make("td", { class: "right number" })),
  );

function fill(row, balance) {
  const cells = row.children;
  setText(cells[0], balance.currency);
  setText(cells[1], moneyText(balance.available, balance.decimals));
  setText(cells[2], moneyText(balance.frozen, balance.decimals));
  setText(cells[3], moneyText(balance.balance, balance.decimals));
}

export function startMoneyPanel() {
  const drawRows = keyedRows(byId("balance-rows"), (balance) => balance.currency, create, fill);
  const draw = () => {
    drawRows(account.balances);
    const empty = byId("money-empty");
    empty.hidden = account.balances.length > 0;
    setText(empty, t(!signedIn() ? "money.signIn" : account.number === null ? "orders.loading" : "money.none"));
    setText(byId("account-number"), account.number === null ? "" : String(account.number));
  };
  onFrame(["balances", "session", "language"], draw);
  draw();
}
