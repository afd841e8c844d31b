// The Inspect tab in the browser: draws the skeletons, listens to the keys, saves what is decided.
// Runs as the js_on_load of a gr.HTML: element, server, watch and props are Gradio's, SETUP and TEXT come from Python.
// who.js, work.js and draw.js follow in the same function.
const $ = (name) => element.querySelector(`[data-is="${name}"]`);
const each = (selector, act) => element.querySelectorAll(selector).forEach(act);
const escaped = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => escaped(values[name] ?? ""));
const both = (key, values = {}) =>
  `<span class="lang-en">${filled(TEXT[key][0], values)}</span><span class="lang-zh">${filled(TEXT[key][1], values)}</span>`;
const chinese = () => document.documentElement.lang.startsWith("zh");
const inMine = (text, answer) => (chinese() && answer.chinese && answer.chinese[text]) || text; // what the server says
const plain = (key) => TEXT[key][chinese() ? 1 : 0];
const translated = () => ["placeholder", "title", "aria-label", "text"].forEach((where) => each(`[data-in-${where}]`, (node) => {
  const text = plain(node.getAttribute("data-in-" + where));
  if (where === "text") node.textContent = text;
  else node.setAttribute(where, text);
}));
const kept = (storage, key, value) => {
  try {
    if (value !== undefined) storage.setItem("vivid-inspect-" + key, value);
    return storage.getItem("vivid-inspect-" + key) || "";
  } catch { return value || ""; } // private windows may refuse storage: everything but reload still works
};

const state = {
  collection: "", name: "", secret: "", pairs: [], at: -1, data: null, frame: 0, playing: false, saving: 0, changes: 0,
  view: innerWidth < 720 ? "slider" : "side", split: 0.5, reference: false, face: true,
};
const session = kept(sessionStorage, "session") || kept(sessionStorage, "session", Math.random().toString(36).slice(2) + Date.now().toString(36));
const pair = () => state.pairs[state.at];
const markOf = ({ decision, note, nudges, tags, frame }) => ({ decision, note, nudges, tags, frame });
const ready = () => !!state.data && !!pair() && state.data.id === pair().id;

// ---- talking to the server ------------------------------------------------------------------------------------
async function ask(what, data = {}) {
  let answer;
  try {
    answer = await server[what]({ collection: state.collection, name: state.name, secret: state.secret, session, ...data });
  } catch { throw new Error(plain("inspect_no_answer")); }
  if (!answer || answer.error) throw new Error(answer ? inMine(answer.error, answer) : plain("inspect_no_answer"));
  return answer;
}
const some = (names) => names.slice(0, 8).join(", ") + (names.length > 8 ? " …" : "");
function say(html, kind = "") {
  const line = $("status");
  line.innerHTML = html;
  line.className = "vi-status " + kind;
}
const complain = (error) => say(escaped(error.message || error), "bad");

async function unpacked(text, frames) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const points = new Int16Array(await new Response(stream).arrayBuffer()); // (3, T, 128): x, y, confidence
  for (let plane = 0; plane < 3; plane++)
    for (let k = plane * frames * 128 + 128; k < (plane + 1) * frames * 128; k++) points[k] += points[k - 128];
  return { points, frames };
}
const loaded = new Map(); // pair id -> promise of its data; a few, because each is a megabyte or two
function fetchPair(entry) {
  if (!loaded.has(entry.id)) {
    const nudges = { ...entry.nudges };
    const promise = ask("load", { pair: entry.id, nudges }).then(async (data) => {
      const [reference, raw, calibrated, picture] = await Promise.all([
        unpacked(data.reference, 1), unpacked(data.raw, data.frames), unpacked(data.calibrated, data.frames),
        new Promise((good, bad) => { const image = new Image(); image.onload = () => good(image); image.onerror = bad; image.src = data.picture; }),
      ]);
      return { ...data, id: entry.id, reference, raw, calibrated, picture, nudges };
    });
    promise.catch(() => loaded.delete(entry.id));
    loaded.set(entry.id, promise);
    while (loaded.size > 8) loaded.delete(loaded.keys().next().value);
  }
  return loaded.get(entry.id);
}

// ---- opening and moving about ---------------------------------------------------------------------------------
async function open(collection) {
  state.collection = collection; // so that it opens as soon as there is a name
  if (!state.secret && !(await confirmed())) return;
  let answer;
  try {
    answer = await ask("open");
    answer.pairs.forEach((entry, k) => { entry.place = k; });
    Object.assign(state, { pairs: answer.pairs, at: -1, data: null });
    $("order").value = "place";
    kept(sessionStorage, "collection", collection);
  } catch (error) { kept(sessionStorage, "collection", ""); complain(error); return; }
  loaded.clear();
  element.classList.toggle("vi-open", state.pairs.length > 0);
  if (!state.pairs.length) { say(both("inspect_empty_folder"), "bad"); return; }
  const last = state.pairs.findIndex((p) => p.id === kept(sessionStorage, "pair"));
  const undecided = state.pairs.findIndex((p) => !p.decision);
  $("doubles").innerHTML = answer.doubles.length ? both("inspect_doubles", { count: answer.doubles.length, names: some(answer.doubles) }) : "";
  say(both("inspect_opened", { count: state.pairs.length, name: state.name }));
  list();
  tell({ hello: true });
  go(last >= 0 ? last : Math.max(undecided, 0));
}

let ticket = 0;
async function go(index) {
  if (index < 0 || index >= state.pairs.length) { say(both(index < 0 ? "inspect_first" : "inspect_last")); return; }
  noteDone();
  const mine = ++ticket;
  state.at = index;
  const entry = pair();
  kept(sessionStorage, "pair", entry.id);
  mark();
  $("title").textContent = entry.name;
  const waiting = setTimeout(() => { if (mine === ticket) busy(entry); }, 150);
  try {
    const data = await fetchPair(entry);
    if (mine !== ticket) return;
    state.data = data;
    state.frame = Math.min(state.frame, data.frames - 1);
    $("frame").max = data.frames - 1;
    $("notices").innerHTML = data.notices.map((text) => `<li>${escaped(inMine(text, data))}</li>`).join("");
    $("files").textContent = data.files.join(" + ");
    element.classList.remove("vi-busy");
    layout();
    show();
    report(data.report, data);
    worst();
    if (JSON.stringify(data.nudges) !== JSON.stringify(entry.nudges)) redraw(); // undone or changed since it was fetched
    const next = state.pairs[index + 1];
    if (next) fetchPair(next).catch(() => {});
  } catch (error) {
    if (mine !== ticket) return;
    state.data = null;
    element.classList.remove("vi-busy");
    layout(); show(); report(null); worst();
    $("notices").innerHTML = "";
    complain(error);
  } finally { clearTimeout(waiting); }
}
async function busy(entry) {
  element.classList.add("vi-busy");
  $("busy").innerHTML = both("inspect_loading");
  while (element.classList.contains("vi-busy") && pair() === entry) {
    await new Promise((done) => setTimeout(done, 700));
    const { done, total } = await ask("progress", { pair: entry.id }).catch(() => ({ total: 0 }));
    if (total) $("busy").innerHTML = both("inspect_reading", { done, total });
  }
}
const advance = () => {
  const next = state.pairs.findIndex((p, k) => k > state.at && !p.decision);
  const any = next >= 0 ? next : state.pairs.findIndex((p) => !p.decision);
  if (any >= 0) go(any);
  else say(both("inspect_all_done"), "ok");
};

// ---- deciding -------------------------------------------------------------------------------------------------
let line = Promise.resolve(); // one save after the other, so that the file has the order of the clicks
function save(entry, change, action) {
  const before = markOf(entry);
  state.changes++;
  Object.assign(entry, change);
  const mine = { pair: entry.id, ...markOf(entry), action };
  mark();
  state.saving++;
  $("saved").innerHTML = both("inspect_saving");
  line = line.then(() => ask("record", mine)).then(
    () => { told(entry); if (!--state.saving) $("saved").innerHTML = both("inspect_saved"); },
    (error) => {
      --state.saving;
      Object.assign(entry, before);
      mark(); sliders();
      $("saved").innerHTML = both("inspect_not_saved");
      complain(error);
    });
  return line;
}
function decide(decision) {
  if (!ready()) return; // nobody decides about what is not on screen yet
  noteDone();
  const entry = pair();
  save(entry, { decision }, "decide");
  say(both("inspect_did_" + decision, { name: entry.name }), { accept: "ok", reject: "bad", unsure: "" }[decision]);
  if ($("advance").checked) advance();
}
function noteDone() {
  const entry = state.pairs.find((p) => p.id === $("note").dataset.pair);
  if (entry && $("note").value !== entry.note) save(entry, { note: $("note").value }, "note");
}
async function undo() {
  noteDone();
  if (!state.pairs.length) return;
  try {
    await line;
    state.changes++;
    const answer = await ask("undo");
    state.changes++;
    if (!answer.pair) { say(both("inspect_nothing_to_undo")); return; }
    const index = state.pairs.findIndex((p) => p.id === answer.pair);
    if (index < 0) { say(both("inspect_undone_elsewhere")); return; }
    const entry = state.pairs[index];
    $("note").dataset.pair = "";
    Object.assign(entry, markOf(answer));
    told(entry);
    say(both(answer.superseded ? "inspect_superseded" : "inspect_undone", { name: entry.name }));
    await go(index);
  } catch (error) { complain(error); }
}
async function download() {
  if (!state.secret) { complain(plain("inspect_name_first")); return; }
  noteDone();
  try {
    await line;
    const answer = await ask("export"), kind = $("as").value;
    if (!answer.text) { say(both("inspect_nothing_to_save")); return; }
    const link = document.createElement("a");
    // a spreadsheet knows by the mark in front that a CSV is UTF-8
    link.href = URL.createObjectURL(new Blob(kind === "csv" ? ["\ufeff", answer.csv] : [answer[kind]], { type: "text/plain" }));
    link.download = kind === "text" ? answer.file : answer.file.replace(/jsonl$/, kind);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) { complain(error); }
}

// ---- nudging --------------------------------------------------------------------------------------------------
const sliderNudges = () => { // all of them, the untouched ones too
  const nudges = {};
  each("[data-nudge]", (input) => { nudges[input.dataset.nudge] = Number(input.value); });
  return nudges;
};
const touched = (nudges) => Object.fromEntries(Object.entries(nudges).filter(([name, value]) => value !== SETUP.nudges[name][2]));
const readNudges = () => touched(sliderNudges());
const complete = (nudges) => Object.fromEntries(Object.entries(SETUP.nudges).map(([name, limits]) => [name, nudges[name] ?? limits[2]]));

// What vivid.pose.rig does, for the frame on screen: from the nudges that the server has drawn to those of the sliders.
function posed(points) { // points: 128 of [x, y, confidence] in pixels, changed in place
  const old = complete(state.data.nudges), now = sliderNudges(), { centre, unit } = state.data.report;
  const there = (k) => points[k][2] > 0;
  points.forEach((p) => [0, 1].forEach((k) => {
    p[k] = centre[k] + (p[k] - centre[k] - old[k ? "offset_y" : "offset_x"] * unit) / old.scale;
  }));
  [["left", 5, 6, 7, 18], ["right", 2, 3, 4, 39]].forEach(([side, shoulder, elbow, wrist, hand]) => {
    const angle = ((now[side + "_angle"] - old[side + "_angle"]) * Math.PI * (side === "left" ? 1 : -1)) / 180;
    const length = now[side + "_length"] / old[side + "_length"], size = now[side + "_hand"] / old[side + "_hand"];
    const turned = (from, to, factor) => {
      const x = to[0] - from[0], y = to[1] - from[1];
      return [factor * (x * Math.cos(angle) + y * Math.sin(angle)), factor * (-x * Math.sin(angle) + y * Math.cos(angle))];
    };
    const root = there(wrist) ? wrist : hand;
    if (![shoulder, elbow, root].every(there)) return;
    const upper = turned(points[shoulder], points[elbow], length), fore = turned(points[elbow], points[root], length);
    const wristWas = points[root].slice(), fingers = [];
    for (let k = hand; k < hand + 21; k++) fingers.push(turned(wristWas, points[k], size));
    points[elbow][0] = points[shoulder][0] + upper[0]; points[elbow][1] = points[shoulder][1] + upper[1];
    const wristNow = [points[elbow][0] + fore[0], points[elbow][1] + fore[1]];
    fingers.forEach((finger, k) => { points[hand + k][0] = wristNow[0] + finger[0]; points[hand + k][1] = wristNow[1] + finger[1]; });
    if (there(wrist)) { points[wrist][0] = wristNow[0]; points[wrist][1] = wristNow[1]; }
  });
  points.forEach((p) => [0, 1].forEach((k) => {
    p[k] = centre[k] + now.scale * (p[k] - centre[k]) + now[k ? "offset_y" : "offset_x"] * unit;
  }));
}
let asking = false, again = false, later = 0;
async function redraw() { // the server's word on it, and the report; never more than one on its way
  if (asking) { again = true; return; }
  asking = true;
  do {
    again = false;
    if (!ready()) break;
    const entry = pair(), data = state.data, nudges = readNudges();
    const began = performance.now();
    try {
      const answer = await ask("nudge", { pair: entry.id, nudges });
      const { report: found, worst: frames } = answer;
      Object.assign(data, { calibrated: await unpacked(answer.calibrated, data.frames), nudges, report: found, worst: frames });
      if (entry === pair()) { draw(); numbers(); report(found, answer); worst(); }
      element.dataset.confirmed = Math.round(performance.now() - began);
    } catch (error) { complain(error); }
  } while (again);
  asking = false;
}
function nudged() {
  const began = performance.now();
  numbers();
  draw();
  element.dataset.redraw = (performance.now() - began).toFixed(1);
  clearTimeout(later);
  later = setTimeout(redraw, 150);
}
const nudgeDone = () => { if (ready() && JSON.stringify(readNudges()) !== JSON.stringify(pair().nudges)) save(pair(), { nudges: readNudges() }, "nudge"); };
function sliders() {
  const nudges = (pair() && pair().nudges) || {};
  each("[data-nudge]", (input) => { input.value = nudges[input.dataset.nudge] ?? SETUP.nudges[input.dataset.nudge][2]; });
  numbers();
}
function numbers() {
  each("[data-nudge]", (input) => {
    const name = input.dataset.nudge, value = Number(input.value);
    const label = element.querySelector(`[data-value="${name}"]`);
    const pixels = Math.round(value * ((state.data && state.data.report.unit) || 0)), sign = value > 0 ? "+" : "";
    label.textContent = name.startsWith("offset") ? `${sign}${pixels} px` : name.endsWith("angle") ? `${sign}${value}°` : `× ${value.toFixed(2)}`;
    label.parentElement.classList.toggle("vi-touched", value !== SETUP.nudges[name][2]);
  });
}

// ---- the list, the marks, the table -----------------------------------------------------------------------------
function list() {
  $("list").innerHTML = state.pairs.map((p, k) => `<li><button type="button" data-go="${k}"><i></i><span>${escaped(p.name)}</span></button></li>`).join("");
  each("[data-go]", (button) => button.addEventListener("click", () => { button.blur(); go(Number(button.dataset.go)); }));
}
function mark() {
  const count = { accept: 0, reject: 0, unsure: 0 };
  each("[data-go]", (button) => {
    const index = Number(button.dataset.go), entry = state.pairs[index];
    if (entry.decision) count[entry.decision]++;
    button.className = (entry.decision || "open") + (entry.note ? " note" : "");
    button.parentElement.hidden = !shown(entry);
    button.title = [entry.name, entry.tags.map((tag) => plain("inspect_tag_" + tag)).join(", "), entry.note].filter(Boolean).join(" · ");
    if (index === state.at) { button.setAttribute("aria-current", "true"); } else button.removeAttribute("aria-current");
  });
  const current = element.querySelector('[aria-current="true"]'), box = $("list");
  if (current && (current.offsetTop < box.scrollTop + 30 || current.offsetTop > box.scrollTop + box.clientHeight - 60))
    box.scrollTop = current.offsetTop - box.clientHeight / 2;
  const done = count.accept + count.reject + count.unsure, total = state.pairs.length;
  $("count").innerHTML = both("inspect_count", { at: state.at + 1, total, done, accepted: count.accept, rejected: count.reject });
  $("bar").style.width = (100 * done) / Math.max(total, 1) + "%";
  const entry = pair();
  if (!entry) return;
  each("[data-decide]", (button) => button.setAttribute("aria-pressed", button.dataset.decide === entry.decision));
  reasons(entry);
  if ($("note").dataset.pair !== entry.id) {
    $("note").value = entry.note;
    $("note").dataset.pair = entry.id;
    sliders();
  }
}
function report(data, answer) {
  const number = (value, digits) => (value === null || value === undefined ? "–" : Number(value).toFixed(digits));
  const percent = (value, digits = 0) => (value === null || value === undefined ? "–" : (100 * value).toFixed(digits) + " %");
  const part = (name) => (TEXT["inspect_part_" + name] ? both("inspect_part_" + name) : escaped(name));
  const row = ({ name, reference, driving, factor, state: how }) => {
    const clamp = data.clamps.find((c) => c.factor === name), fallback = data.fallbacks.find((f) => f.part === name);
    const why = clamp ? `${number(clamp.measured, 2)} → ${number(clamp.used, 2)}` : fallback ? inMine(fallback.reason, answer) : "";
    return `<tr class="${how}" title="${escaped(why)}"><th>${part(name)}</th><td>${number(reference, 0)}</td><td>${number(driving, 0)}</td>
      <td>× ${number(factor, 2)}</td><td>${percent(data.after.bones[name], 1)}</td><td>${how === "ok" ? "" : both("inspect_state_" + how)}</td></tr>`;
  };
  $("segments").innerHTML = data ? data.segments.map(row).join("") : "";
  $("measures").innerHTML = data ? [["bone_error", 1], ["reach", 0], ["inside", 0]].map(([name, digits]) =>
    `<tr title="${escaped(plain("inspect_tip_" + name))}"><th>${both("inspect_measure_" + name)}</th><td>${percent(data.before[name], digits)}</td><td>${percent(data.after[name], digits)}</td></tr>`).join("") : "";
  const remarks = data ? [
    ...data.clamps.map((c) => `${part(c.factor)}: ${both("inspect_clamped", { measured: number(c.measured, 2), used: number(c.used, 2) })}`),
    ...data.fallbacks.map((f) => `${part(f.part)}: ${escaped(inMine(f.reason, answer))}`),
  ] : [];
  $("remarks").innerHTML = remarks.map((text) => `<li>${text}</li>`).join("");
  $("remarked").innerHTML = both("inspect_remarks", { count: remarks.length });
  $("remarked").parentElement.hidden = !remarks.length;
}
