/* The quote page: counts that it was looked at, follows what is chosen, hides the bar while the form is on screen, and
   offers a pad to draw on. Without this file "Update total" shows another choice, and the typed signature signs just as
   well. */
(() => {
  "use strict";

  const MAX_POINTS = 5000;
  const { nonce, dataset: { pad: padAddress, seen: seenAddress, csrf } } = document.currentScript;
  const form = document.querySelector("[data-sign]");
  if (seenAddress) countView();
  if (!form) return;

  /* Somebody looked: the page was on screen for a second. */
  function countView() {
    let timer = 0;
    const send = () => {
      document.removeEventListener("visibilitychange", watch);
      navigator.sendBeacon(seenAddress, new URLSearchParams({ csrf_token: csrf }));
    };
    const watch = () => {
      clearTimeout(timer);
      if (document.visibilityState === "visible") timer = setTimeout(send, 1000);
    };
    document.addEventListener("visibilitychange", watch);
    watch();
  }

  const find = (name) => form.querySelector(`[data-${name}]`);
  const paper = document.getElementById("pad");
  const canvas = paper.querySelector("canvas");
  const field = form.elements.strokes;
  const signerName = form.elements.signer_name;

  /* What was drawn: { width, height, strokes: [[[x, y, ms], …], …] } in the pixels of the paper it was begun on. A turned
     phone changes only `view`, how that paper is fitted into the one on screen. */
  let drawing = restored();
  let began = drawing ? Date.now() - drawing.strokes.at(-1).at(-1)[2] : 0;
  let view = measured();
  let pad = null;
  let loading = false;
  let drawingNow = false;

  function restored() {
    try {
      const kept = JSON.parse(field.value);
      const whole = kept.strokes.every((stroke) => stroke.length && stroke.every((point) => point.length === 3));
      return whole && kept.strokes.length && kept.width > 0 && kept.height > 0 ? kept : null;
    } catch {
      return null;
    }
  }

  function measured() {
    const width = paper.clientWidth;
    const height = paper.clientHeight;
    if (!drawing) return { width, height, scale: 1, left: 0, top: 0 };
    const scale = Math.min(width / drawing.width, height / drawing.height);
    return { width, height, scale, left: (width - drawing.width * scale) / 2, top: (height - drawing.height * scale) / 2 };
  }

  /* More points than the server takes: leave out every second, or two of three, and so on. */
  function thinned(strokes) {
    const count = strokes.reduce((sum, stroke) => sum + stroke.length, 0);
    const step = Math.ceil(count / MAX_POINTS);
    let room = MAX_POINTS;
    return strokes
      .map((stroke) => stroke.filter((_, place) => place % step === 0))
      .filter((stroke) => (room -= stroke.length) >= 0);
  }

  /* On a turned phone one can draw beside the first paper: it grows to hold every point. */
  function grown({ width, height, strokes }) {
    const points = strokes.flat();
    const reach = (extreme, axis, edge) => points.reduce((far, point) => extreme(far, point[axis]), edge);
    const left = reach(Math.min, 0, 0);
    const top = reach(Math.min, 1, 0);
    return {
      width: Math.ceil(reach(Math.max, 0, width) - left),
      height: Math.ceil(reach(Math.max, 1, height) - top),
      strokes: strokes.map((stroke) => stroke.map(([x, y, ms]) => [x - left, y - top, ms])),
    };
  }

  function posted() {
    const { width, height, strokes } = grown({ ...drawing, strokes: thinned(drawing.strokes) });
    const tenths = (value) => Math.round(value * 10) / 10;
    const point = ([x, y, ms]) => [tenths(x), tenths(y), ms];
    return JSON.stringify({ width, height, strokes: strokes.map((stroke) => stroke.map(point)) });
  }

  function add(points) {
    if (!points.length) return;
    if (!drawing) {
      drawing = { width: view.width, height: view.height, strokes: [] };
      began = points[0].time;
    }
    const { scale, left, top } = view;
    drawing.strokes.push(
      points.map(({ x, y, time }) => [(x - left) / scale, (y - top) / scale, Math.max(0, Math.round(time - began))]),
    );
    field.value = posted();
  }

  function addLast() {
    drawingNow = false;
    add(pad.toData().at(-1).points);
  }

  function shown() {
    const { minWidth, maxWidth, penColor } = pad;
    const { scale, left, top } = view;
    const point = ([x, y, ms]) => ({ x: x * scale + left, y: y * scale + top, time: began + ms, pressure: 0.5 });
    return (drawing ? drawing.strokes : []).map((stroke) => ({ minWidth, maxWidth, penColor, points: stroke.map(point) }));
  }

  /* Turning the phone in the middle of a stroke ends that stroke and keeps it. */
  function redraw() {
    if (!pad || !paper.clientWidth) return;
    if (drawingNow) addLast();
    pad.off();
    if (drawing) drawing = grown(drawing);
    view = measured();
    const ratio = Math.max(window.devicePixelRatio, 1);
    canvas.width = view.width * ratio;
    canvas.height = view.height * ratio;
    canvas.getContext("2d").scale(ratio, ratio);
    pad.fromData(shown());
    pad.on();
  }

  function clear() {
    drawing = null;
    field.value = "";
    redraw();
  }

  function ready() {
    pad = new window.SignaturePad(canvas, { minWidth: 0.9, maxWidth: 2.6, minDistance: 2, penColor: "#1b2430" });
    pad.addEventListener("beginStroke", () => (drawingNow = true));
    pad.addEventListener("endStroke", addLast);
    new ResizeObserver(redraw).observe(paper);
    redraw();
  }

  /* On a slow line the first stroke may come before the pad: it is recorded, and shown when the pad is there. */
  function recordUntilReady() {
    let stroke = null;
    const point = ({ clientX, clientY }) => {
      const { left, top } = canvas.getBoundingClientRect();
      stroke.push({ x: clientX - left, y: clientY - top, time: Date.now() });
    };
    canvas.addEventListener("pointerdown", (event) => {
      load();
      if (pad) return;
      event.preventDefault();
      view = measured();
      stroke = [];
      point(event);
    });
    addEventListener("pointermove", (event) => stroke && point(event));
    for (const type of ["pointerup", "pointercancel"]) {
      addEventListener(type, () => {
        if (!stroke) return;
        add(stroke);
        stroke = null;
        redraw();
      });
    }
  }

  function failed() {
    find("methods").hidden = true;
    form.elements.method.value = "type";
    find("pad-failed").textContent = "Drawing does not work on this device right now.";
    choose();
  }

  function load() {
    if (loading) return;
    loading = true;
    const script = document.createElement("script");
    script.nonce = nonce;
    script.src = padAddress;
    script.onload = () => (window.SignaturePad ? ready() : failed());
    script.onerror = failed;
    document.head.append(script);
  }

  /* The pad is fetched when the form is near and somebody is at the page: a first look costs nothing. */
  function loadWhenNear() {
    const near = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      near.disconnect();
      load();
    }, { rootMargin: "600px" });
    const began = new AbortController();
    for (const type of ["scroll", "pointermove", "pointerdown", "keydown"]) {
      addEventListener(type, () => {
        began.abort();
        near.observe(form);
      }, { passive: true, signal: began.signal });
    }
  }

  function choose() {
    const draws = form.elements.method.value === "draw";
    canvas.hidden = !draws;
    find("clear").hidden = !draws;
    find("typed").hidden = draws;
    find("typing").hidden = draws;
    if (draws && drawing) load();
    redraw();
  }

  function writeName() {
    find("typed").textContent = signerName.value;
  }

  /* The server makes every total: its page with another choice gives the marked parts of this one. */
  function followChoices() {
    const choices = document.getElementById("choose");
    if (!choices) return;
    const update = choices.querySelector("[data-update]");
    const failure = choices.querySelector("[data-failed]");
    const page = update.formAction;
    const controls = choices.querySelectorAll("input");
    let asking = new AbortController();

    async function follow() {
      asking.abort();
      asking = new AbortController();
      const chosen = [...controls].filter(({ checked, type }) => checked || type === "hidden");
      const query = `?${new URLSearchParams(chosen.map(({ name, value }) => [name, value]))}`;
      try {
        const answer = await fetch(page + query, { signal: asking.signal });
        const text = await answer.text();
        /* Without its head: our policy would refuse that page's style, which has a nonce of its own. */
        const fresh = new DOMParser().parseFromString(text.slice(text.indexOf("<body")), "text/html");
        if (!answer.ok || !swapped(fresh)) return location.assign(page + query);
        failure.textContent = "";
        keep(query);
      } catch (error) {
        if (error.name !== "AbortError") failure.textContent = "We could not update the total. Choose again in a moment.";
      }
    }

    /* A form that comes back from the browser's memory may show another choice than the page was made for. */
    addEventListener("pageshow", () => {
      if ([...controls].some(({ checked, defaultChecked }) => checked !== defaultChecked)) follow();
    });
    choices.addEventListener("change", follow);
    for (const button of choices.querySelectorAll("button")) button.remove();
  }

  function swapped(fresh) {
    const theirs = fresh.querySelector("[data-sign]");
    if (theirs?.elements.content_hash.value !== form.elements.content_hash.value) return false;
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      if (!other) return false;
      const { value } = part;
      part.replaceChildren(...other.childNodes);
      if (value) part.value = value;
    }
    /* The sentence is another one now: nobody has agreed to it. */
    form.elements.consent.checked = false;
    return true;
  }

  /* Reloading and the other forms come back with the same choice. */
  function keep(query) {
    history.replaceState(null, "", new URL(form.action).pathname.replace(/\/approval$/, query));
    for (const sender of document.querySelectorAll("[data-keeps]")) {
      const name = sender.form ? "formaction" : "action";
      sender.setAttribute(name, sender.getAttribute(name).split("?")[0] + query);
    }
  }

  function hideBarAtForm() {
    const bar = document.querySelector("[data-bar]");
    const watch = new IntersectionObserver(([entry]) => (bar.hidden = entry.isIntersecting), { rootMargin: "0px 0px -96px" });
    watch.observe(form);
  }

  find("pad-area").hidden = false;
  find("methods").hidden = !padAddress;
  if (padAddress && form.dataset.method !== "type") form.elements.method.value = "draw";
  for (const choice of form.elements.method) {
    choice.addEventListener("change", () => {
      choose();
      if (choice.value === "draw") load();
    });
  }
  signerName.addEventListener("input", writeName);
  find("clear").addEventListener("click", clear);
  recordUntilReady();
  writeName();
  choose();
  followChoices();
  hideBarAtForm();
  if (padAddress) loadWhenNear();
})();
