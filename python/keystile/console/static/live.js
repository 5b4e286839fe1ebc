// Figures that stay current. An element with `data-live="<address>"` names a fragment of the same page; the parts in it
// that have `data-live-part` and differ from what is shown are put in place, each by its id. Nothing else is touched:
// focus, scrolling and opened tables stay. With `data-live-with="<selector>"` the fields that it finds say what is shown,
// and only what has changed comes back. While nobody looks, nothing is asked.
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

  function whatToAsk() {
    const ask = { headers: { "HX-Request": "true" }, redirect: "error" };
    if (!root.dataset.liveWith) return ask;
    const fields = [...document.querySelectorAll(root.dataset.liveWith)].map((field) => [field.name, field.value]);
    return { ...ask, method: "POST", body: new URLSearchParams(fields) };
  }

  async function look() {
    if (document.hidden || asking) return;
    asking = true;
    try {
      const answer = await fetch(root.dataset.live, whatToAsk());
      if (!root.isConnected) return; // the list was filtered meanwhile: these are figures of rows that are gone
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
    if (!document.hidden && root.isConnected) timer = setTimeout(look, LIVE_EVERY_MS);
  }

  document.addEventListener("visibilitychange", function seen() {
    clearTimeout(timer);
    if (root.isConnected) look();
    else document.removeEventListener("visibilitychange", seen);
  });
  if (note) note.hidden = false;
  wait();
}

// Now, and whenever htmx has put a part of a page in place.
htmx.onLoad((loaded) => loaded.querySelectorAll("[data-live]").forEach(keepCurrent));
