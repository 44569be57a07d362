// Signing in and out. The secret stays in this tab (credentials.js); the field is emptied when the dialog closes.

import { account, signIn, signOut } from "../data/account.js";
import { canSign, keyName, signedIn } from "../data/credentials.js";
import { closeButtons } from "../parts/dialogs.js";
import { byId } from "../parts/elements.js";
import { onFrame, setAttribute, setText } from "../parts/frame.js";
import { t } from "../parts/language.js";
import { toast } from "../parts/toasts.js";

let failure = null;

export function openSignIn() {
  const dialog = byId("sign-dialog");
  if (dialog.open) return;
  failure = null;
  drawFailure();
  byId("sign-insecure").hidden = canSign();
  byId("sign-submit").disabled = !canSign();
  dialog.showModal();
  byId("sign-key").focus();
}

function drawFailure() {
  setText(byId("sign-error"), failure ? failure() : "");
  for (const id of ["sign-key", "sign-secret"]) {
    setAttribute(byId(id), "aria-invalid", failure ? "true" : null);
  }
}

async function submit(event) {
  event.preventDefault();
  const key = byId("sign-key").value.trim();
  const secret = byId("sign-secret").value.trim();
  const button = byId("sign-submit");
  failure = null;
  if (key === "" || secret === "") {
    failure = () => t("sign.both");
    drawFailure();
    return byId(key === "" ? "sign-key" : "sign-secret").focus();
  }
  button.disabled = true;
  try {
    await signIn(key, secret);
    byId("sign-dialog").close();
    toast(t("sign.done", { account: account.number }), "good");
  } catch (error) {
    failure = () => error.words ?? String(error);
  } finally {
    button.disabled = false;
    drawFailure();
  }
  if (failure) byId("sign-secret").focus();
}

function draw() {
  const button = byId("sign-button");
  setText(button, signedIn() ? t("sign.out") : t("sign.in"));
  setAttribute(button, "title", signedIn() ? t("sign.as", { key: keyName() }) : null);
  setAttribute(button, "aria-haspopup", signedIn() ? null : "dialog");
  setAttribute(document.body, "data-signed-in", signedIn() ? "yes" : "no");
  if (account.signedOutBy) toast(t(`error.${account.signedOutBy}`), "bad");
  account.signedOutBy = 0;
}

export function startSignIn() {
  const dialog = byId("sign-dialog");
  closeButtons(dialog);
  byId("sign-form").addEventListener("submit", submit);
  dialog.addEventListener("close", () => {
    byId("sign-secret").value = "";
  });
  byId("sign-button").addEventListener("click", () => {
    if (!signedIn()) return openSignIn();
    signOut();
    toast(t("sign.gone"));
  });
  onFrame(["session", "language"], draw);
  onFrame(["language"], drawFailure);
  draw();
}
