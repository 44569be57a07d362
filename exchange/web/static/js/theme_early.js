// Sets colours before the first paint, so that the page does not flash. A classic script in the head.
"use strict";
{
  const root = document.documentElement;
  const theme = localStorage.getItem("exchange.theme");
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  const rising = localStorage.getItem("exchange.rising");
  if (rising === "red" || rising === "green") root.dataset.rising = rising;
}
