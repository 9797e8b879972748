// Conveniences of the office. Every page works without them.
"use strict";

// "/" goes to the search, unless a person is typing somewhere.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  const find = document.getElementById("find");
  if (event.key !== "/" || typing || !find || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  find.select();
});

// The box in the head of a list ticks every row of the page.
for (const all of document.querySelectorAll("[data-select-all]")) {
  const rows = [...document.querySelectorAll(`input[name="${all.dataset.selectAll}"]`)];
  const show = () => {
    const ticked = rows.filter((row) => row.checked).length;
    all.checked = ticked > 0 && ticked === rows.length;
    all.indeterminate = ticked > 0 && ticked < rows.length;
  };
  all.hidden = false;
  all.addEventListener("change", () => rows.forEach((row) => { row.checked = all.checked; }));
  rows.forEach((row) => row.addEventListener("change", show));
}

// A part that shows something under way asks for itself again until it is over.
function followLive() {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  setTimeout(async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = page.getElementById(part.id);
      if (answer.ok && now && !("live" in now.dataset)) return location.reload();
      if (answer.ok && now) part.replaceWith(now);
    } catch { /* The network is away for a moment; the next turn tries again. */ }
    followLive();
  }, Number(part.dataset.live));
}
followLive();

// Writing an estimate: buttons that change the form do it in place, totals follow, the price book answers at once.
const builder = () => document.querySelector("[data-builder]");
const waits = new Map();
function soon(name, milliseconds, act) {
  clearTimeout(waits.get(name));
  waits.set(name, setTimeout(act, milliseconds));
}
async function part(name, address, options = {}) {
  // What was asked before is no longer wanted.
  waits.get(`${name} request`)?.abort();
  const control = new AbortController();
  waits.set(`${name} request`, control);
  try {
    const answer = await fetch(address, { ...options, signal: control.signal });
    if (!answer.ok || answer.redirected) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch { return null; /* Asked again, or the network is away: the buttons still work. */ }
}
const sent = (form, button) => ({ method: "POST", body: new URLSearchParams(new FormData(form, button)) });
async function showTotals() {
  const form = builder();
  const page = form && await part("totals", form.dataset.totals, sent(form));
  if (page) document.querySelector("[data-totals-here]")?.replaceChildren(...page.body.childNodes);
}
async function changeInPlace(form, button) {
  const page = await part("form", location.href, sent(form, button));
  const changed = page?.querySelector("[data-builder]");
  if (!changed) return form.requestSubmit(button);
  form.replaceWith(changed);
  changed.querySelector("[autofocus]")?.focus();
}
async function lookUp(input) {
  const asked = new URLSearchParams({ find: input.value, path: input.dataset.lookup });
  const page = await part("lookup", `${builder().dataset.find}?${asked}`);
  const list = input.closest(".lookup").querySelector("[data-matches]");
  if (page) list.replaceChildren(...(input.value.trim() ? page.body.childNodes : []));
  return list.querySelector("button");
}
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!event.target.matches("[data-builder]") || !["do", "more", "add"].includes(button?.name)) return;
  if (button.dataset.tried || button.value === "totals") return;
  event.preventDefault();
  // If it does not work in place, the same button sends the form as it would without script.
  button.dataset.tried = "1";
  changeInPlace(event.target, button);
});
document.addEventListener("input", (event) => {
  if (!event.target.closest("[data-builder]")) return;
  if (event.target.dataset.lookup) soon("lookup", 150, () => lookUp(event.target));
  else soon("totals", 250, showTotals);
});
document.addEventListener("keydown", async (event) => {
  const input = event.target.closest?.("[data-lookup]");
  if (!input || event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  clearTimeout(waits.get("lookup"));
  (await lookUp(input))?.click();
});

// After a refused form the list of errors is what to read first.
document.getElementById("errors")?.focus();
