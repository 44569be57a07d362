// Run in the page: visible controls and regions without a name that a screen reader could say.
() => [...document.querySelectorAll('button, input, select, [role], dialog, section, nav')]
  .filter(e => e.checkVisibility() && !['row', 'gridcell', 'rowgroup', 'alert', 'status'].includes(e.getAttribute('role')))
  .filter(e => !(e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim()
      || document.getElementById(e.getAttribute('aria-labelledby'))?.textContent))
  .map(e => e.outerHTML.slice(0, 120))
