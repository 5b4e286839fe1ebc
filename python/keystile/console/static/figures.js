// Figures of a table that refresh by themselves, for as long as somebody can see them. The element with `data-figures` asks
// for them by htmx; the answer holds only the cells that changed, each put in place by its id.
"use strict";

const FIGURES_EVERY_MS = 4000;

function refreshFigures() {
  if (document.hidden) return;
  document.querySelectorAll("[data-figures]").forEach((element) => htmx.trigger(element, "figures"));
}

setInterval(refreshFigures, FIGURES_EVERY_MS);
document.addEventListener("visibilitychange", refreshFigures);

/** The element that asked for figures; none for other requests. */
function figuresOf(event) {
  const element = event.detail.requestConfig?.elt;
  return element?.matches("[data-figures]") ? element : null;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  // The list was filtered meanwhile: these figures belong to rows that are gone.
  if (figuresOf(event)?.isConnected === false) event.detail.shouldSwap = false;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const note = figuresOf(event)?.querySelector("[data-figures-note]");
  const words = event.detail.successful ? "Live" : "Not current: the server does not answer";
  if (note && note.textContent !== words) note.textContent = words;
});

// Figures come and go without a word; the note beside them has said it.
for (const name of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(name, (event) => { if (figuresOf(event)) event.preventDefault(); }, { capture: true });
}
