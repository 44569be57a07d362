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
  touch("theme");
}

export function setRising(colour) {
  document.documentElement.dataset.rising = colour;
  localStorage.setItem(RISING, colour);
  touch("theme");
}

/** The value of a CSS variable, for canvases. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function startAppearance() {
  systemDark.addEventListener("change", () => touch("theme"));
  const byLanguage = () => {
    if (localStorage.getItem(RISING) !== null) return;
    document.documentElement.dataset.rising = currentLanguage() === "zh-TW" ? "red" : "green";
    touch("theme");
  };
  onFrame(["language"], byLanguage);
  byLanguage();
}
