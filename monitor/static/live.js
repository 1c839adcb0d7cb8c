// Fetches the sections of the page once a second and replaces those that changed; a page in the background rests.
"use strict";

const INTERVAL = 1000; // milliseconds
const live = document.getElementById("live");
const stale = document.getElementById("stale");

function replace(section) {
  const shown = document.getElementById(section.id);
  const focused = document.activeElement;
  // A button or link in use stays until it is left: it must not go away under the pointer, nor take the focus with it.
  if (shown.innerHTML === section.innerHTML || (shown.contains(focused) && focused.matches("button, a"))) return;
  const before = [...shown.querySelectorAll(".scroll")];
  const offsets = before.map((region) => region.scrollLeft);
  const focusedRegion = before.indexOf(focused);
  shown.replaceWith(section);
  const regions = section.querySelectorAll(".scroll");
  regions.forEach((region, index) => { region.scrollLeft = offsets[index] ?? 0; });
  if (focusedRegion >= 0) regions[focusedRegion]?.focus();
}

async function refresh() {
  try {
    const answer = await fetch("live", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = document.createElement("div");
    fresh.innerHTML = await answer.text();
    [...fresh.children].forEach(replace);
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
}

async function run() {
  if (!document.hidden) await refresh();
  setTimeout(run, INTERVAL);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setTimeout(run, INTERVAL);
