// Deciding about pairs: saving, undo, redo, download, and the time spent.

// ---- time ---------------------------------------------------------------------------------------------------------
const spent = new Map(); // pair id -> seconds not reported to the server yet
let sign = performance.now(); // time of the last activity: pauses count for at most half a minute
function alive() {
  const now = performance.now(), entry = pair();
  if (entry && element.offsetParent !== null) spent.set(entry.id, (spent.get(entry.id) || 0) + Math.min(now - sign, 30_000) / 1000);
  sign = now;
}
["pointermove", "pointerdown", "keydown", "wheel"].forEach((name) => document.addEventListener(name, alive, { passive: true }));
function pace() { // the median seconds of the pairs that are decided
  const all = state.pairs.filter((p) => p.decision && p.seconds > 0).map((p) => p.seconds).sort((a, b) => a - b);
  return all.length ? Math.max(1, Math.round(all[all.length >> 1])) : 0;
}

// ---- deciding -------------------------------------------------------------------------------------------------
let line = Promise.resolve(); // saves run one after the other, so that the file has the order of the clicks
function save(entry, change, action, again = false) {
  const before = markOf(entry);
  alive();
  const seconds = spent.get(entry.id) || 0;
  spent.delete(entry.id);
  entry.seconds += seconds;
  if (!again) state.redo = [];
  state.changes++;
  Object.assign(entry, change);
  const mine = { pair: entry.id, ...markOf(entry), action, seconds };
  mark();
  state.saving++;
  $("saved").innerHTML = both("inspect_saving");
  line = line.then(() => ask("record", mine)).then(
    () => { told(entry); if (!--state.saving) $("saved").innerHTML = both("inspect_saved"); },
    (error) => {
      --state.saving;
      Object.assign(entry, before);
      spent.set(entry.id, (spent.get(entry.id) || 0) + seconds);
      entry.seconds -= seconds;
      mark(); sliders(); edited(); draw();
      $("saved").innerHTML = both("inspect_not_saved");
      complain(error);
    });
  return line;
}
function decide(decision) {
  if (!ready()) { say(both("inspect_not_yet")); return; } // not before the pair is on screen
  noteDone();
  settle();
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
  settle();
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
    if (!answer.superseded) state.redo.push({ id: entry.id, mark: markOf(entry) });
    const seen = placeOfChange(entry.edits, answer.edits);
    Object.assign(entry, markOf(answer));
    told(entry);
    say(both(answer.superseded ? "inspect_superseded" : "inspect_undone", { name: entry.name }));
    await showAgain(index, seen);
  } catch (error) { complain(error); }
}
async function redo() { // a record like any other, which undo reverts
  settle();
  const step = state.redo.pop(), index = step ? state.pairs.findIndex((p) => p.id === step.id) : -1;
  if (index < 0) { say(both("inspect_nothing_to_redo")); return; }
  const entry = state.pairs[index];
  const names = { settled: "settle", decision: "decide", note: "note", nudges: "nudge", edits: "edit", tags: "tag", frame: "frame" };
  const what = Object.keys(names).find((name) => JSON.stringify(step.mark[name]) !== JSON.stringify(entry[name]));
  const seen = placeOfChange(entry.edits, step.mark.edits);
  $("note").dataset.pair = "";
  save(entry, step.mark, names[what] || "decide", true);
  say(both("inspect_redone", { name: entry.name }));
  await showAgain(index, seen);
}
const placeOfChange = (before, after) => { // the frame in which a point was moved, or its move was undone
  const known = new Set(before.map((edit) => JSON.stringify(edit))), now = new Set(after.map((edit) => JSON.stringify(edit)));
  const changed = [...after.filter((edit) => !known.has(JSON.stringify(edit))), ...before.filter((edit) => !now.has(JSON.stringify(edit)))];
  return changed.length ? changed[0].frame : null;
};
async function showAgain(index, frame) { // show a changed pair; if it is already on screen, keep the view
  if (index !== state.at) await go(index);
  else { mark(); sliders(); changed(); }
  if (frame !== null && ready()) to(frame);
  if (state.overlap) { looked = -Infinity; refresh(); }
}
function hand(name, parts, type, url = URL.createObjectURL(new Blob(parts, { type }))) { // to the browser, as a file
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
async function download() {
  if (!state.secret) { complain(plain("inspect_name_first")); return; }
  noteDone();
  settle();
  try {
    await line;
    const kind = $("as").value, answer = await ask(kind === "clips" ? "clips" : "export");
    if (answer.url) { hand(answer.file, [], "", answer.url); return; }
    if (!answer.text) { say(both("inspect_nothing_to_save")); return; }
    // the byte order mark tells spreadsheets that a CSV is UTF-8
    const parts = kind === "csv" ? ["\ufeff", answer.csv] : [answer[kind]];
    hand(kind === "text" ? answer.file : answer.file.replace(/jsonl$/, kind), parts, "text/plain");
  } catch (error) { complain(error); }
}
async function downloadClip() { // the corrected clip of the pair on screen
  settle();
  if (!ready()) return;
  const entry = pair();
  try {
    const { data } = await ask("clip", { pair: entry.id, nudges: entry.nudges, edits: entry.edits });
    const name = entry.name.replace(/[^\p{L}\p{N}._-]+/gu, "_");
    hand(`${name}.npz`, [Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], "application/octet-stream");
    say(both("inspect_clip_saved", { name: `${name}.npz` }), "ok");
  } catch (error) { complain(error); }
}
