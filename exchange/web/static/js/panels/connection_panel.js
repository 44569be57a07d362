// The lamp of the connection and the exchange's health, and the banner that says when what is shown may be old.

import { connection } from "../data/connection.js";
import { canSign } from "../data/credentials.js";
import { health } from "../data/health.js";
import { byId } from "../parts/elements.js";
import { onFrame, setAttribute, setText } from "../parts/frame.js";
import { t, timeText } from "../parts/language.js";
import { market } from "../data/market.js";

function bannerText() {
  if (connection.state === "offline" || connection.state === "stale") {
    if (!connection.everLive) return t("banner.unreachable");
    return t(`banner.${connection.state}`, { time: timeText(connection.lastHeard) });
  }
  if (connection.state === "live" && market.failure && market.loading) return t("banner.loading");
  if (connection.state === "live" && health.state === "unhealthy") {
    return t("banner.unhealthy", { what: health.texts.join("; ") });
  }
  if (!canSign()) return t("banner.insecure");
  return "";
}

function draw() {
  setAttribute(document.body, "data-connection", connection.state);
  setAttribute(document.body, "data-orders", connection.authenticated ? "live" : null);
  setAttribute(document.body, "data-health", health.state);
  const sick = connection.state === "live" && health.state === "unhealthy";
  setText(byId("connection-text"), t(`connection.${sick ? "unhealthy" : connection.state}`));
  setAttribute(byId("connection"), "title", health.texts.join("\n") || null);
  const text = bannerText();
  byId("banner").hidden = text === "";
  setText(byId("banner-text"), text);
}

export function startConnectionPanel() {
  onFrame(["connection", "health", "instruments", "language"], draw);
  draw();
}
