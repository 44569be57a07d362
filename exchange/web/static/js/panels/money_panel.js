// Balances of the signed-in account, by currency.

import { account } from "../data/account.js";
import { signedIn } from "../data/credentials.js";
import { byId, keyedRows, make } from "../parts/elements.js";
import { onFrame, setText } from "../parts/frame.js";
import { moneyText, t } from "../parts/language.js";

const LINES = ["balance", "available", "frozen"];

const create = () =>
  make("dl", { class: "balance" }, ...LINES.map(() => make("div", {}, make("dt"), make("dd", { class: "number" }))));

function fill(card, balance) {
  LINES.forEach((name, index) => {
    const [term, amount] = card.children[index].children;
    setText(term, index === 0 ? balance.currency : t(`column.${name}`));
    setText(amount, moneyText(balance[name], balance.decimals));
  });
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
