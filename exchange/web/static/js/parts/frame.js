// When the page draws: whatever changed since the last animation frame, once.
//
// Used by everything that draws. State changes call `touch(topic)`, as often as they like; the functions
// registered for a topic run at most once in a frame, together. They write to the document and do not
// measure it, so a frame costs one layout however many messages came.

const listeners = new Map();
const touched = new Set();
let requested = false;

/** Run `draw` in the next frame after each change of one of `topics`. */
export function onFrame(topics, draw) {
  for (const topic of topics) {
    if (!listeners.has(topic)) listeners.set(topic, []);
    listeners.get(topic).push(draw);
  }
}

/** Say that `topic` has changed. */
export function touch(topic) {
  touched.add(topic);
  if (!requested) {
    requested = true;
    requestAnimationFrame(runFrame);
  }
}

function runFrame() {
  requested = false;
  const draws = new Set();
  for (const topic of touched) {
    for (const draw of listeners.get(topic) ?? []) draws.add(draw);
  }
  touched.clear();
  for (const draw of draws) draw();
}

/** Set an element's text if it differs: an equal text would still cost a layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set or remove (null, false) an attribute if it differs. */
export function setAttribute(element, name, value) {
  if (value === null || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, String(value));
  }
}
