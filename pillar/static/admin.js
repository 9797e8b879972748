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

// The search answers while somebody types: arrows go through the results, Enter opens one, Escape closes them.
function findAsYouType(find) {
  const list = document.createElement("div");
  const said = document.createElement("p");
  let at = -1;
  const options = () => [...list.querySelectorAll("[data-href]")];
  const set = (element, values) => Object.entries(values).forEach(([name, value]) => element.setAttribute(name, value));
  const close = () => { list.hidden = true; find.ariaExpanded = "false"; mark(-1); };
  const mark = (next) => {
    at = next;
    options().forEach((option, n) => { option.ariaSelected = String(n === at); });
    const chosen = options()[at];
    if (chosen) find.setAttribute("aria-activedescendant", chosen.id); else find.removeAttribute("aria-activedescendant");
    chosen?.scrollIntoView({ block: "nearest" });
  };
  const ask = async () => {
    const typed = find.value.trim();
    if (!typed) return close();
    const page = await part("find", `${find.dataset.finds}?${new URLSearchParams({ q: typed })}`);
    if (!page || find.value.trim() !== typed) return;
    list.replaceChildren(...page.body.childNodes);
    list.hidden = false;
    find.ariaExpanded = "true";
    mark(-1);
    const found = options().length - 1;
    said.textContent = found > 0 ? `${found} ${found === 1 ? "result" : "results"}` : "Nothing matches";
  };
  const open = (option) => option && location.assign(option.dataset.href);
  list.id = "found";
  said.className = "sr-only";
  list.hidden = true;
  set(list, { role: "listbox", "aria-label": "Results" });
  set(said, { "aria-live": "polite" });
  set(find, { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "found" });
  find.form.append(list, said);
  find.addEventListener("input", () => soon("find", 120, ask));
  find.addEventListener("focus", () => { if (find.value.trim() && list.hidden) ask(); });
  find.addEventListener("blur", close);
  find.addEventListener("keydown", (event) => {
    if (event.isComposing || list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const count = options().length;
    if (step && count) mark(at < 0 && step < 0 ? count - 1 : (at + step + count) % count);
    else if (event.key === "Enter" && options()[at]) open(options()[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  // The box keeps the focus while the mouse is on a result.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => open(event.target.closest("[data-href]")));
}

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

// A filter helps while somebody types: with what there is.
document.addEventListener("input", (event) => {
  const input = event.target.closest?.("[data-suggest]");
  if (!input) return;
  clearTimeout(input.suggesting);
  input.suggesting = setTimeout(async () => {
    try {
      const answer = await fetch(`${input.dataset.suggest}&${new URLSearchParams({ typed: input.value })}`);
      if (!answer.ok || answer.redirected) return;
      input.list?.replaceChildren(...(await answer.json()).map((value) => new Option(value, value)));
    } catch { /* The network is away: typing it out works. */ }
  }, 150);
});

// "Copy" puts what stands in a field on the clipboard.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    button.textContent = "Copied";
  });
}

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

const finder = document.querySelector("[data-finds]");
if (finder) findAsYouType(finder);
