// Whether the exchange works, as it judges itself: GET /health, the same as probes, metrics and operators get.
//
// Used by the connection panel. It is asked while the page is seen and connected. A change touches "health".

import { getHealth } from "./api.js";
import { connection } from "./connection.js";
import { touch } from "../parts/frame.js";

const ASK_MS = 5_000;

export const health = {
  state: "unknown", // "healthy", "warnings", "unhealthy"
  texts: [], // what is wrong, in the exchange's words
};

/** Take over what the exchange says. */
export function learnHealth({ healthy, problems, warnings }) {
  const state = !healthy ? "unhealthy" : warnings.length ? "warnings" : "healthy";
  const texts = [...problems, ...warnings];
  if (state === health.state && texts.join("\n") === health.texts.join("\n")) return;
  health.state = state;
  health.texts = texts;
  touch("health");
}

async function ask() {
  if (document.hidden || connection.state !== "live") return;
  try {
    learnHealth(await getHealth());
  } catch (error) {
    if (error.data?.problems) learnHealth(error.data); // 503 says what is wrong
  }
}

export function startHealth() {
  setInterval(ask, ASK_MS);
  document.addEventListener("visibilitychange", ask);
}
