// Buttons, keys, and uploaded files.
const on = (name, event, act) => $(name).addEventListener(event, act);
const click = (name, act) => on(name, "click", () => { $(name).blur(); act(); }); // keep the keyboard focus on the page
const clicks = (kind, act) => each(`[data-${kind}]`, (button) => button.addEventListener("click", () => { button.blur(); act(button.dataset[kind]); }));
clicks("layer", layer);
clicks("extent", setExtent);
clicks("decide", decide);
clicks("settle", settleAs);
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
// After a slider or list was used by mouse, arrow keys must select pairs again, not change its value.
each("input[type=range], select", (input) => ["pointerup", "change"].forEach((event) =>
  input.addEventListener(event, () => { if (event === "pointerup" || input.tagName === "SELECT") input.blur(); })));
on("frame", "input", () => { settle(); play(false); state.frame = Number($("frame").value); show(); });
on("free", "change", () => { settle(); $("free").blur(); });
click("play", () => play());
click("previous", () => beside(-1));
click("next", () => beside(1));
click("undo", undo);
click("redo", redo);
click("download", download);
click("clip", downloadClip);
click("forget", forget);
click("begin", () => setEnd(0));
click("end", () => setEnd(1));
click("nearer", () => zoom(1.4));
click("farther", () => zoom(1 / 1.4));
click("zoomed", wholePicture);
click("full", full);
$("full").hidden = !document.fullscreenEnabled;
on("note", "blur", noteDone);
on("note", "input", () => { $("saved").innerHTML = ""; });
if (SETUP.folder) click("folder", () => open("folder"));

const keys = {
  ArrowRight: () => beside(1), ArrowLeft: () => beside(-1),
  ArrowUp: () => step(-1), ArrowDown: () => step(1),
  ",": () => step(-1), ".": () => step(1),
  a: () => decide("accept"), r: () => decide("reject"), s: () => decide("unsure"), u: undo, y: redo, b: bad, w: nextWorst, "?": help,
  n: () => { $("note").focus(); $("note").select(); },
  p: () => layer("portrait"), o: () => layer("raw"), c: () => layer("calibrated"), l: () => layer("look"), x: () => layer("face"),
  i: () => layer("reference"), f: full, "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: wholePicture,
  j: (event) => pickNext(JOINTS_OF_ARMS, event.shiftKey ? -1 : 1), k: (event) => pickNext(fingersHere(), event.shiftKey ? -1 : 1),
  e: () => setExtent(EXTENTS[(EXTENTS.indexOf(state.extent) + 1) % 3]), "[": () => setEnd(0), "]": () => setEnd(1),
  g: () => { settle(); $("free").checked = !$("free").checked; },
  " ": () => play(),
  ...Object.fromEntries(SETUP.tags.map((name, k) => [k + 1, () => tag(name)])),
};
const PUSHES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }; // of the point that is picked
const SETTLES = { a: "accept", r: "reject" };
const ONCE = /^[arsubwycefgijklopx?1-9[\]]$/i; // no auto-repeat for these
function pressed(event) {
  if (!element.isConnected) { document.removeEventListener("keydown", pressed); return; }
  const control = event.ctrlKey || event.metaKey, letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const back = control && !event.shiftKey && letter === "z", forth = control && ((event.shiftKey && letter === "z") || letter === "y");
  if (element.offsetParent === null || !state.pairs.length || event.altKey || (control && !back && !forth)) return;
  const target = event.target, kind = target.tagName;
  if (event.key === "Escape" && state.picked !== null && !/^(INPUT|TEXTAREA|SELECT)$/.test(kind)) { pick(null); return; }
  if (event.key === "Escape" && element.contains(target)) { target.blur(); return; }
  if (target === $("note") && event.key === "Enter" && !event.shiftKey) { event.preventDefault(); target.blur(); return; }
  const range = kind === "INPUT" && target.type === "range", tick = kind === "INPUT" && target.type === "checkbox";
  if (target.isContentEditable || kind === "TEXTAREA" || kind === "SELECT" || (kind === "INPUT" && !range && !tick)) return;
  if (back || forth) { // not the browser's own undo in a field
    event.preventDefault();
    if (!event.repeat) (back ? undo : redo)();
    return;
  }
  if (range && event.key.startsWith("Arrow")) return; // a slider focused by keyboard
  if (event.key === " " && (kind === "BUTTON" || tick)) return;
  if (target.closest && target.closest('[role="tablist"]') && event.key.startsWith("Arrow")) return;
  if (letter in PUSHES && state.picked !== null && ready()) { event.preventDefault(); push(...PUSHES[letter], event); return; }
  const act = event.shiftKey && letter in SETTLES ? () => settleAs(SETTLES[letter]) : keys[letter];
  if (!act || (event.repeat && ONCE.test(letter))) return;
  event.preventDefault();
  act(event);
}
document.addEventListener("keydown", pressed);
addEventListener("beforeunload", (event) => { settle(); if (state.saving) event.preventDefault(); });
new ResizeObserver(() => {
  const seen = element.offsetParent !== null;
  document.documentElement.classList.toggle("vi-wide", seen && state.pairs.length > 0);
  if (seen) draw();
}).observe($("stage"));

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
layers();
extents();
sliders();
pick(null);
recognise();
