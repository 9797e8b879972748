// Two conveniences of the office. Every page works without them.
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

// After a refused form the list of errors is what to read first.
document.getElementById("errors")?.focus();
