// The last part of main.js: what is drawn, and what mouse, keys and the server's files set off.

// ---- drawing --------------------------------------------------------------------------------------------------
const MARGIN = 0.05; // of the picture, on each side: hands that leave it must be seen leaving
let panes = []; // {canvas, sides: [which poses]}
function layout() {
  const views = { side: [["raw"], ["calibrated"]], slider: [["raw", "calibrated"]], both: [["raw", "calibrated"]] }[state.view];
  const stage = $("stage");
  stage.className = "vi-stage vi-view-" + state.view;
  if (stage.dataset.view !== state.view) {
    stage.dataset.view = state.view;
    stage.querySelectorAll("figure").forEach((figure) => figure.remove());
    panes = views.map((sides) => {
      const figure = document.createElement("figure"), canvas = document.createElement("canvas");
      const caption = document.createElement("figcaption");
      caption.innerHTML = sides.map((side) => `<b class="${side}">${both("inspect_" + side)}</b>`).join("");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", plain(sides.length > 1 ? "inspect_alt_both" : "inspect_alt_" + sides[0]));
      figure.append(caption, canvas);
      stage.insertBefore(figure, $("busy"));
      hold(canvas, sides);
      return { canvas, sides };
    });
  }
  each("[data-view-button]", (button) => button.setAttribute("aria-pressed", button.dataset.viewButton === state.view));
}
function geometry(canvas) { // canvas pixels of a point: p * scale + (left, top)
  const [width, height] = state.data.canvas;
  const room = canvas.parentElement.clientWidth, most = Math.max(260, Math.min(innerHeight * 0.66, 760));
  const full = [width * (1 + 2 * MARGIN), height * (1 + 2 * MARGIN)];
  const css = Math.min(room / full[0], most / full[1]), ratio = Math.min(devicePixelRatio || 1, 2);
  const size = [Math.round(full[0] * css * ratio), Math.round(full[1] * css * ratio)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) {
    [canvas.width, canvas.height] = size;
    canvas.style.width = size[0] / ratio + "px";
    canvas.style.height = size[1] / ratio + "px";
  }
  const scale = css * ratio;
  return { scale, left: width * MARGIN * scale, top: height * MARGIN * scale, width: width * scale, height: height * scale, ratio };
}
function draw() {
  for (const { canvas, sides } of panes) {
    const pen = canvas.getContext("2d");
    if (!state.data) { pen.clearRect(0, 0, canvas.width, canvas.height); continue; }
    const g = geometry(canvas);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(state.data.picture, g.left, g.top, g.width, g.height);
    pen.fillStyle = "rgba(0, 0, 0, 0.18)";
    pen.fillRect(g.left, g.top, g.width, g.height);
    if (state.reference) skeleton(pen, g, state.data.reference, 0, { plain: "rgba(255,255,255,0.9)", dash: true });
    if (state.view === "slider") {
      const middle = Math.round(canvas.width * state.split);
      clipped(pen, 0, middle, canvas.height, () => pose(pen, g, "raw"));
      clipped(pen, middle, canvas.width, canvas.height, () => pose(pen, g, "calibrated"));
      pen.fillStyle = "#fff";
      pen.fillRect(middle - g.ratio, 0, 2 * g.ratio, canvas.height);
      pen.beginPath(); pen.arc(middle, canvas.height / 2, 9 * g.ratio, 0, 7); pen.fill();
    } else if (state.view === "both") {
      skeleton(pen, g, state.data.raw, state.frame, { plain: "rgba(255,255,255,0.65)" });
      pose(pen, g, "calibrated");
    } else sides.forEach((side) => pose(pen, g, side));
  }
}
function clipped(pen, from, to, height, act) {
  pen.save(); pen.beginPath(); pen.rect(from, 0, to - from, height); pen.clip(); act(); pen.restore();
}
const pose = (pen, g, side) => skeleton(pen, g, state.data[side], state.frame, { follow: side === "calibrated" });
function skeleton(pen, g, clip, frame, { plain: colour = "", dash = false, follow = false }) {
  const unit = Math.max(...state.data.canvas) / 4096, plane = clip.frames * 128, first = frame * 128;
  const points = Array.from({ length: 128 }, (_, k) => [
    clip.points[first + k] * unit, clip.points[plane + first + k] * unit, clip.points[2 * plane + first + k],
  ]);
  if (follow && ready()) posed(points);
  const at = (k) => {
    const [x, y, confidence] = points[k];
    return confidence > SETUP.least ? [x * g.scale + g.left, y * g.scale + g.top] : null;
  };
  const thick = Math.max(g.width, g.height) / 130;
  pen.lineCap = "round";
  pen.setLineDash(dash ? [thick, thick] : []);
  const line = (a, b, width, paint) => {
    const [p, q] = [at(a), at(b)];
    if (!p || !q) return;
    pen.lineWidth = width; pen.strokeStyle = colour || paint;
    pen.beginPath(); pen.moveTo(...p); pen.lineTo(...q); pen.stroke();
  };
  const dot = (k, radius, paint) => {
    const p = at(k);
    if (!p) return;
    pen.fillStyle = colour || paint;
    pen.beginPath(); pen.arc(p[0], p[1], radius, 0, 7); pen.fill();
  };
  SETUP.limbs.forEach(([a, b, paint]) => line(a, b, colour ? thick * 0.4 : thick * 0.8, paint));
  SETUP.bones.forEach(([a, b, paint]) => line(a, b, thick * 0.3, paint));
  if (!colour) {
    for (let k = 0; k < 18; k++) dot(k, thick * 0.55, "#fff");
    for (let k = 18; k < 60; k++) dot(k, thick * 0.28, "#fff");
  }
  if (state.face) for (let k = 60; k < 128; k++) dot(k, thick * 0.22, "#fff");
}
function show() {
  $("frame").value = state.frame;
  const data = state.data;
  $("time").textContent = data ? `${state.frame + 1} / ${data.frames} · ${(state.frame / data.fps).toFixed(2)} s` : "";
  draw();
}
function step(by) {
  if (!state.data) return;
  state.frame = Math.min(Math.max(state.frame + by, 0), state.data.frames - 1);
  show();
}
function play(on = !state.playing) {
  state.playing = on && !!state.data;
  $("play").innerHTML = state.playing ? "❚❚" : "▶";
  if (!state.playing) return;
  const began = performance.now(), first = state.frame;
  const tick = () => {
    if (!state.playing || !element.isConnected) return;
    if (state.data) {
      const next = (first + Math.floor(((performance.now() - began) * state.data.fps) / 1000)) % state.data.frames;
      if (next !== state.frame) { state.frame = next; show(); }
    }
    requestAnimationFrame(tick);
  };
  tick();
}

// ---- dragging: the figure itself, or the divider of the slider ------------------------------------------------
function hold(canvas, sides) {
  let from = null;
  const moves = sides.includes("calibrated"), slides = state.view === "slider";
  canvas.style.cursor = slides ? "ew-resize" : moves ? "move" : "default";
  const slide = (event) => {
    const box = canvas.getBoundingClientRect();
    state.split = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    draw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!ready() || !moves) return;
    from = { x: event.clientX, y: event.clientY, ...sliderNudges() };
    canvas.setPointerCapture(event.pointerId);
    if (slides) slide(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    if (slides) { slide(event); return; }
    const g = geometry(canvas), unit = (state.data.report.unit * g.scale) / g.ratio; // screen pixels of a shoulder width
    element.querySelector('[data-nudge="offset_x"]').value = from.offset_x + (event.clientX - from.x) / unit;
    element.querySelector('[data-nudge="offset_y"]').value = from.offset_y + (event.clientY - from.y) / unit;
    nudged();
  });
  const drop = () => {
    if (from && !slides) nudgeDone();
    from = null;
  };
  canvas.addEventListener("pointerup", drop);
  canvas.addEventListener("pointercancel", drop);
}

// ---- what the buttons and keys do -----------------------------------------------------------------------------
const on = (name, event, act) => $(name).addEventListener(event, act);
const setView = (view) => { state.view = view; layout(); draw(); };
each("[data-view-button]", (button) => button.addEventListener("click", () => setView(button.dataset.viewButton)));
each("[data-decide]", (button) => button.addEventListener("click", () => { button.blur(); decide(button.dataset.decide); }));
each("[data-toggle]", (box) => box.addEventListener("change", () => { state[box.dataset.toggle] = box.checked; box.blur(); draw(); }));
each("[data-nudge]", (input) => {
  input.addEventListener("input", nudged);
  input.addEventListener("change", nudgeDone);
});
each("[data-reset]", (button) => button.addEventListener("click", () => {
  button.blur();
  each("[data-nudge]", (input) => {
    if (button.dataset.reset === "all" || input.dataset.nudge === button.dataset.reset) input.value = SETUP.nudges[input.dataset.nudge][2];
  });
  nudged(); nudgeDone();
}));
// After the mouse lets go of a slider or a list the arrow keys must mean pairs again, not its value.
each("input[type=range], select", (input) => ["pointerup", "change"].forEach((event) =>
  input.addEventListener(event, () => { if (event === "pointerup" || input.tagName === "SELECT") input.blur(); })));
on("frame", "input", () => { play(false); state.frame = Number($("frame").value); show(); });
on("play", "click", () => { $("play").blur(); play(); });
on("previous", "click", () => beside(-1));
on("next", "click", () => beside(1));
on("undo", "click", () => { $("undo").blur(); undo(); });
on("download", "click", download);
on("note", "blur", noteDone);
on("note", "input", () => { $("saved").innerHTML = ""; });
if (SETUP.folder) on("folder", "click", () => open("folder"));

const keys = {
  ArrowRight: () => beside(1), ArrowLeft: () => beside(-1),
  ArrowUp: () => step(-1), ArrowDown: () => step(1),
  a: () => decide("accept"), r: () => decide("reject"), s: () => decide("unsure"), u: undo, b: bad, w: nextWorst, "?": help,
  n: () => { $("note").focus(); $("note").select(); },
  v: () => setView({ side: "slider", slider: "both", both: "side" }[state.view]),
  " ": () => play(),
  ...Object.fromEntries(SETUP.tags.map((name, k) => [k + 1, () => tag(name)])),
};
function pressed(event) {
  if (!element.isConnected) { document.removeEventListener("keydown", pressed); return; }
  const control = event.ctrlKey || event.metaKey, back = control && !event.shiftKey && event.key.toLowerCase() === "z";
  if (element.offsetParent === null || !state.pairs.length || event.altKey || (control && !back)) return;
  const target = event.target, kind = target.tagName;
  if (event.key === "Escape" && element.contains(target)) { target.blur(); return; }
  if (target === $("note") && event.key === "Enter" && !event.shiftKey) { event.preventDefault(); target.blur(); return; }
  const range = kind === "INPUT" && target.type === "range", tick = kind === "INPUT" && target.type === "checkbox";
  if (target.isContentEditable || kind === "TEXTAREA" || kind === "SELECT" || (kind === "INPUT" && !range && !tick)) return;
  if (back) { event.preventDefault(); if (!event.repeat) undo(); return; } // never the browser's own, in some field
  if (range && event.key.startsWith("Arrow")) return; // someone who came to the slider by keyboard
  if (event.key === " " && (kind === "BUTTON" || tick)) return;
  if (target.closest && target.closest('[role="tablist"]') && event.key.startsWith("Arrow")) return;
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || (event.repeat && /^[arsubw?1-9]$/i.test(event.key))) return;
  event.preventDefault();
  act();
}
document.addEventListener("keydown", pressed);
addEventListener("beforeunload", (event) => { if (state.saving) event.preventDefault(); });
new ResizeObserver(() => { if (element.offsetParent !== null) draw(); }).observe($("stage"));

// ---- files that arrive from the upload field ------------------------------------------------------------------
watch("value", () => {
  let message;
  try { message = JSON.parse(props.value || "{}"); } catch { return; }
  if (!message.collection || message.collection === state.uploaded) return;
  state.uploaded = message.collection;
  const lonely = message.lonely || [];
  $("lonely").innerHTML = lonely.length ? both("inspect_lonely", { count: lonely.length, names: some(lonely) }) : "";
  open(message.collection);
});

translated();
new MutationObserver(translated).observe(document.documentElement, { attributeFilter: ["lang"] });
layout();
sliders();
recognise();
