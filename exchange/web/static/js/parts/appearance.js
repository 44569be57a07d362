// Colours: dark or light (the system's unless chosen), and whether rising prices are green or red.
//
// Used by main.js and by what draws on a canvas. In Taiwan rising prices are red: that is the default in
// Chinese, and anybody may choose.

import { currentLanguage } from "./language.js";
import { onFrame, touch } from "./frame.js";

const THEME = "exchange.theme";
const RISING = "exchange.rising";
const systemDark = matchMedia("(prefers-color-scheme: dark)");

export const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : systemDark.matches;
};
export const risingIsRed = () => document.documentElement.dataset.rising === "red";

export function toggleTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(THEME, theme);
  changed();
}

export function setRising(colour) {
  document.documentElement.dataset.rising = colour;
  localStorage.setItem(RISING, colour);
  changed();
}

const known = new Map(); // asking for a computed style in a frame would make the browser compute it at once

/** The value of a CSS variable, for canvases. */
export function colour(name) {
  if (!known.has(name)) {
    known.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  }
  return known.get(name);
}

function changed() {
  known.clear();
  touch("theme");
}

export function startAppearance() {
  systemDark.addEventListener("change", changed);
  const byLanguage = () => {
    if (localStorage.getItem(RISING) !== null) return;
    document.documentElement.dataset.rising = currentLanguage() === "zh-TW" ? "red" : "green";
    changed();
  };
  onFrame(["language"], byLanguage);
  byLanguage();
}
