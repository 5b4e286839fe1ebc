// Figures that stay current. An element with `data-live="<address>"` names a fragment of the same page; the parts in it
// that have `data-live-part` and differ from what is shown are put in place, each by its id. Nothing else is touched:
// focus, scrolling and opened tables stay. While nobody looks, nothing is asked.
"use strict";

const LIVE_EVERY_MS = 4000;

function showParts(text) {
  const fragment = document.createElement("template");
  fragment.innerHTML = text; // a template runs no scripts; the server has escaped what other people wrote
  fragment.content.querySelectorAll("[data-live-part]").forEach((part) => {
    const shown = document.getElementById(part.id);
    if (shown && !shown.isEqualNode(part)) shown.replaceWith(part);
  });
}

function keepCurrent(root) {
  const note = root.querySelector("[data-live-note]");
  const words = note?.textContent;
  let timer = 0;
  let asking = false;

  async function look() {
    if (document.hidden || asking) return;
    asking = true;
    try {
      const answer = await fetch(root.dataset.live, { headers: { "HX-Request": "true" }, redirect: "error" });
      const elsewhere = answer.headers.get("HX-Redirect");
      if (elsewhere) location.assign(elsewhere); // signed out meanwhile
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      showParts(await answer.text());
      if (note) note.textContent = words;
    } catch {
      // The figures stay, and say that they are old; the next time may be better.
      if (note) note.textContent = "Not current: the server cannot be reached";
    } finally {
      asking = false;
      wait();
    }
  }

  function wait() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(look, LIVE_EVERY_MS);
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    look();
  });
  if (note) note.hidden = false;
  wait();
}

document.querySelectorAll("[data-live]").forEach(keepCurrent);
