// The Inspect tab in the browser: draws the skeletons, handles keys, saves decisions. This file: shared helpers,
// requests to the server, opening pairs and navigation.
// Runs as the js_on_load of a gr.HTML: element, server, watch and props are Gradio's, SETUP and TEXT come from Python.
// The other files follow in the same function, in the order of tab.SCRIPTS.
const $ = (name) => element.querySelector(`[data-is="${name}"]`);
const each = (selector, act) => element.querySelectorAll(selector).forEach(act);
const escaped = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => escaped(values[name] ?? ""));
const both = (key, values = {}) =>
  `<span class="lang-en">${filled(TEXT[key][0], values)}</span><span class="lang-zh">${filled(TEXT[key][1], values)}</span>`;
const chinese = () => document.documentElement.lang.startsWith("zh");
const inMine = (text, answer) => (chinese() && answer.chinese && answer.chinese[text]) || text; // for messages from the server
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
  } catch { return value || ""; } // storage may be blocked: then only reloading loses the state
};

const state = {
  collection: "", name: "", secret: "", pairs: [], at: -1, data: null, frame: 0, playing: false, saving: 0, changes: 0,
  redo: [], picked: null, extent: "frame", range: null,
  layers: { portrait: true, raw: false, calibrated: true, look: false, reference: false, face: true },
};
try { Object.assign(state.layers, JSON.parse(kept(localStorage, "layers") || "{}")); } catch { /* saved by an older version */ }
const lastCollection = (name) => // of this window, else of this browser; or remember a name
  [sessionStorage, localStorage].map((storage) => kept(storage, "collection", name)).find(Boolean) || "";
const session = kept(sessionStorage, "session") || kept(sessionStorage, "session", Math.random().toString(36).slice(2) + Date.now().toString(36));
const pair = () => state.pairs[state.at];
const markOf = ({ decision, note, nudges, tags, frame, edits, settled }) => ({ decision, note, nudges, tags, frame, edits, settled });
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
    const promise = ask("load", { pair: entry.id, nudges, edits: entry.edits }).then(async (data) => {
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

// ---- opening and navigation ------------------------------------------------------------------------------------
async function open(collection) {
  state.collection = collection; // so that it opens as soon as there is a name
  if (!state.secret && !(await confirmed())) return;
  let answer;
  try {
    answer = await ask("open");
    answer.pairs.forEach((entry, k) => { entry.place = k; });
    Object.assign(state, { pairs: answer.pairs, overlap: answer.overlap, at: answer.first - 1, data: null });
    agreement(answer.agreement);
    $("order").value = "place";
    lastCollection(collection);
  } catch (error) { lastCollection(""); complain(error); return; }
  loaded.clear();
  element.classList.toggle("vi-open", state.pairs.length > 0);
  if (!state.pairs.length) { say(both("inspect_empty_folder"), "bad"); return; }
  const last = state.pairs.findIndex((p) => p.id === kept(sessionStorage, "pair"));
  $("doubles").innerHTML = answer.doubles.length ? both("inspect_doubles", { count: answer.doubles.length, names: some(answer.doubles) }) : "";
  say(both("inspect_opened", { count: state.pairs.length, name: state.name }));
  $("work").scrollIntoView({ block: "nearest" });
  list();
  tell({ hello: true });
  go(last >= 0 ? last : Math.max(undecided(), 0));
}

let ticket = 0;
async function go(index) {
  if (index < 0 || index >= state.pairs.length) { say(both(index < 0 ? "inspect_first" : "inspect_last")); return; }
  noteDone();
  settle();
  alive();
  const mine = ++ticket;
  Object.assign(state, { at: index, picked: null, range: null, view: home() });
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
    show();
    pick(null);
    $("report").innerHTML = data.report;
    worst();
    if (JSON.stringify(data.nudges) !== JSON.stringify(entry.nudges)) redraw(); // changed or undone since it was loaded
    for (const next of new Set([state.pairs[after(1)], state.pairs[undecided()]])) if (next) fetchPair(next).catch(() => {});
  } catch (error) {
    if (mine !== ticket) return;
    state.data = null;
    element.classList.remove("vi-busy");
    show(); $("report").innerHTML = ""; worst();
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
const undecided = () => { // the next one, else the first one
  const open = (p, k) => k !== state.at && !p.decision && !p.enough;
  const next = state.pairs.findIndex((p, k) => k > state.at && open(p, k));
  return next >= 0 ? next : state.pairs.findIndex(open);
};
const advance = () => {
  const next = undecided();
  if (next >= 0) go(next);
  else say(both("inspect_all_done"), "ok");
};
