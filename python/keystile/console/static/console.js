// What pages gain from scripts. Every page works without them; nothing here decides anything.
"use strict";

const THEME_COOKIE = "keystile_theme";
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

/** Read out by screen readers; seen by nobody. */
function announce(text) {
  const region = one("#announce");
  if (region) region.textContent = text;
}

/** One sentence above the page, for what went wrong on the way to the server. */
function complain(text) {
  const region = one("#messages");
  if (!region) return;
  const box = document.createElement("div");
  box.className = "alert alert-danger";
  box.textContent = text;
  region.replaceChildren(box);
  one("#dialog")?.close();
  region.scrollIntoView({ block: "nearest" });
}

// Themes: the server writes the attribute from the cookie, so nothing flashes.

function darkNow() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function showTheme(button) {
  button.hidden = false;
  one("[data-theme-text]", button).textContent = darkNow() ? "Use the light theme" : "Use the dark theme";
}

function switchTheme(button) {
  const theme = darkNow() ? "light" : "dark";
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.documentElement.dataset.theme = theme;
  document.cookie = `${THEME_COOKIE}=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  showTheme(button);
}

// Copying

function selectText(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copy(button) {
  const source = one(button.dataset.copy);
  const label = one("[data-copy-text]", button);
  try {
    await navigator.clipboard.writeText(source.textContent);
    label.textContent = "Copied";
    announce("Copied");
    setTimeout(() => { label.textContent = "Copy"; }, 2000);
  } catch {
    // No clipboard without TLS, or not allowed: the next key press copies.
    selectText(source);
    label.textContent = "Selected: press Ctrl+C";
    announce("Selected. Press Control C to copy.");
  }
}

// Secrets that are shown once

const openSecret = () => all("[data-secret]").some((box) => !one("[data-stored]", box)?.checked);

function showStored(box) {
  const done = one("[data-done]", box);
  if (one("[data-stored]", box).checked) done.removeAttribute("aria-disabled");
  else done.setAttribute("aria-disabled", "true");
}

addEventListener("beforeunload", (event) => {
  if (openSecret()) event.preventDefault();
});

// A page that is left may be kept in memory and come back by "Back": without its secret.
addEventListener("pagehide", () => all("[data-once]").forEach((element) => { element.textContent = ""; }));

// Dialogs

function openDialog(title) {
  const dialog = one("#dialog");
  dialog.setAttribute("aria-label", title || "Dialog");
  if (!dialog.open) dialog.showModal();
  one("[autofocus], input:not([type=hidden], [type=radio]:not(:checked)), select, textarea", dialog)?.focus();
}

/** Shows a page's `data-dialog-content` in the dialog; where that fails, the link is simply followed. */
async function fetchIntoDialog(link) {
  const body = one("#dialog-body");
  body.replaceChildren(); // what another link left there
  try {
    await htmx.ajax("GET", link.href, { source: link, target: "#dialog-body", select: "[data-dialog-content]", swap: "innerHTML" });
  } catch {
    location.assign(link.href);
    return;
  }
  if (!one("[data-dialog-content]", body)) {
    location.assign(link.href);
    return;
  }
  openDialog(one("[data-dialog-title]", body)?.textContent);
}

// Forms

function checkAll(button) {
  const boxes = all("input[type=checkbox]", button.closest("[data-check-group]"));
  const every = boxes.every((box) => box.checked);
  boxes.forEach((box) => { box.checked = !every; });
  showCheckAll(button);
}

function showCheckAll(button) {
  const boxes = all("input[type=checkbox]", button.closest("[data-check-group]"));
  button.hidden = boxes.length < 2;
  button.textContent = boxes.every((box) => box.checked) ? "Select none" : "Select all";
}

/** What only scripts can use is shown, and what only readers without them need is hidden; after each swap too. */
function enhance(root) {
  all("[data-theme-switch]", root).forEach(showTheme);
  all("[data-copy], [data-with-scripts]", root).forEach((element) => { element.hidden = false; });
  all("[data-without-scripts]", root).forEach((element) => { element.hidden = true; });
  all("[data-check-all]", root).forEach(showCheckAll);
  all("[data-secret]", root).forEach(showStored);
  one("[data-focus]", root)?.focus();
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("a, button, summary, dialog, details");
  all("details[data-menu][open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  if (!target) return;
  const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  if (target.matches("[data-theme-switch]")) switchTheme(target);
  else if (target.matches("[data-copy]")) copy(target);
  else if (target.matches("[data-check-all]")) checkAll(target);
  else if (target.matches("[aria-disabled=true]")) {
    event.preventDefault();
    announce("Store the secret and tick the box first.");
    one("[data-stored]", target.closest("[data-secret]"))?.focus();
  } else if (target.matches("[data-close]") && target.closest("dialog")) {
    event.preventDefault();
    target.closest("dialog").close();
  } else if (target.matches("dialog")) {
    if (event.target === target) target.close(); // the backdrop
  } else if (target.matches("a[data-dialog]") && plain) {
    event.preventDefault();
    fetchIntoDialog(target);
  }
});

document.addEventListener("change", (event) => {
  const group = event.target.closest("[data-check-group]");
  if (group) all("[data-check-all]", group).forEach(showCheckAll);
  if (event.target.matches("[data-stored]")) showStored(event.target.closest("[data-secret]"));
  const expiry = event.target.closest("[data-expiry]");
  if (expiry && event.target.matches("[value=custom]")) one("input[type=date]", expiry).focus();
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  one("summary", menu).focus();
});

document.addEventListener("htmx:afterSettle", (event) => {
  enhance(event.target);
  if (event.target.dataset?.announce) announce(event.target.dataset.announce);
});
document.addEventListener("htmx:responseError", (event) => {
  if (event.defaultPrevented) return; // somebody has dealt with it
  const { status } = event.detail.xhr;
  if (status === 401 || status === 403) location.reload(); // signed out meanwhile: the server says so
  else complain(`The server answered ${status}. Reload the page and try again.`);
});
document.addEventListener("htmx:sendError", (event) => {
  if (!event.defaultPrevented) complain("The server cannot be reached. Nothing was changed.");
});

enhance(document);
