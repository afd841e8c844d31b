// The annotator. A name is protected by a secret, which is stored in this browser and contained in a link.

// ---- confirming a name ----------------------------------------------------------------------------------------
function be(name, secret) { // "" and "": nobody
  Object.assign(state, { name, secret });
  kept(localStorage, "name", name);
  kept(localStorage, "secret", secret);
  if (document.activeElement === $("name")) $("name").blur(); // keys are shortcuts from now on
  $("name").value = "";
  $("annotator").textContent = name;
  $("known").hidden = !secret;
  $("stranger").hidden = !!secret;
  $("secret").hidden = true;
}
async function confirmed() { // whether a name is confirmed
  const name = $("name").value.trim();
  if (!name) { complain(plain("inspect_name_first")); $("name").focus(); return false; }
  $("confirm").disabled = true;
  try {
    const answer = await ask("claim", { name });
    be(answer.name, answer.secret);
    say(both("inspect_confirmed", answer), "ok");
    if (kept(localStorage, "secret") !== answer.secret) mine(); // nothing stays in this browser
  } catch (error) { complain(error); }
  $("confirm").disabled = false;
  return !!state.secret;
}
const confirm = async () => {
  if ((await confirmed()) && (state.collection || SETUP.folder)) open(state.collection || "folder");
};

// ---- the link, and somebody else ------------------------------------------------------------------------------
const HASH = "#annotator=";
let offered = null; // a link was opened while another name is confirmed
const address = () => `${location.origin}${location.pathname}?inspect${HASH}${encodeURIComponent(state.secret + state.name)}`;
function mine(leaving = false) {
  $("hint").innerHTML = offered ? both("inspect_link_offered", { name: state.name, other: offered.name })
    : both("inspect_link_hint", { name: state.name });
  $("link").value = address();
  $("leave").hidden = !leaving;
  $("secret").hidden = false;
  $("link").focus();
  $("link").select();
}
async function leave() {
  noteDone();
  settle();
  await line;
  const next = offered;
  offered = null;
  Object.assign(state, { pairs: [], at: -1, data: null });
  play(false);
  element.classList.remove("vi-open");
  list();
  be("", "");
  say(both("inspect_switched"));
  if (next) await arrive(next);
  else $("name").focus();
}
async function arrive(who) {
  try {
    const { name } = await ask("known", who);
    be(name, who.secret);
    state.collection = state.collection || lastCollection() || (SETUP.folder ? "folder" : "");
    if (state.collection) open(state.collection);
    else say(both("inspect_confirmed", { name }), "ok");
  } catch (error) { complain(error); }
}
function linked() { // opened by a link, which is removed from the address
  if (!location.hash.startsWith(HASH)) return null;
  let text = "";
  try { text = decodeURIComponent(location.hash.slice(HASH.length)); } catch { /* truncated or altered */ }
  history.replaceState(history.state, "", location.pathname + location.search);
  return { secret: text.slice(0, 32), name: text.slice(32) };
}
function recognise() {
  const who = linked(), name = kept(localStorage, "name"), secret = kept(localStorage, "secret");
  if (secret) be(name, secret);
  if (who && secret && who.secret !== secret) { offered = who; mine(true); return; }
  if (who) { arrive(who); return; }
  const before = lastCollection(); // a reload continues here, and so does another window
  if (!secret || !before) return;
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    open(before);
  }).observe(element);
}

// ---- other windows of the same name ---------------------------------------------------------------------------
const windows = typeof BroadcastChannel === "function" ? new BroadcastChannel("vivid-inspect") : null;
const tell = (news) => windows && windows.postMessage({ name: state.name, ...news });
const told = (entry) => tell({ pair: entry.id, mark: markOf(entry) });
function take(entry, mark) { // what another window has decided
  if (JSON.stringify(markOf(entry)) === JSON.stringify(mark)) return false;
  Object.assign(entry, mark);
  state.changes++;
  if (entry === pair() && document.activeElement !== $("note")) $("note").dataset.pair = ""; // show it again
  return true;
}
function inStep(html) {
  mark();
  draw();
  if (ready() && JSON.stringify(state.data.nudges) !== JSON.stringify(pair().nudges)) redraw();
  say(html);
}
if (windows) windows.onmessage = ({ data }) => {
  if (!element.isConnected) { windows.close(); return; }
  if (data.name !== state.name || !state.secret) return;
  if (data.hello) { tell({ here: true }); say(both("inspect_windows", data)); return; }
  if (data.here) { say(both("inspect_windows", data)); return; }
  const entry = state.pairs.find((p) => p.id === data.pair);
  if (entry && take(entry, data.mark)) inStep(both("inspect_elsewhere", { name: entry.name }));
};
let looked = -Infinity;
addEventListener("focus", () => refresh());
async function refresh() { // changes from other machines and other annotators
  if (!element.isConnected || !state.pairs.length || state.saving || performance.now() - looked < 5000) return;
  looked = performance.now();
  const { pairs, changes } = state, answer = await ask("open").catch(() => null);
  if (!answer || state.pairs !== pairs || state.changes !== changes) return; // the answer is older than the local state
  agreement(answer.agreement);
  const now = new Map(answer.pairs.map((p) => [p.id, p])), here = pairs.filter((entry) => now.has(entry.id));
  const changed = here.filter((entry) => take(entry, markOf(now.get(entry.id))));
  here.forEach((entry) => { const { enough, others, split, verdict } = now.get(entry.id); Object.assign(entry, { enough, others, split, verdict }); });
  if (changed.length) inStep(both("inspect_elsewhere", { name: some(changed.map((entry) => entry.name)) }));
  else mark();
}

$("confirm").addEventListener("click", confirm);
$("name").addEventListener("keydown", (event) => { if (event.key === "Enter") confirm(); });
$("mine").addEventListener("click", () => ($("secret").hidden ? mine() : stay()));
$("switch").addEventListener("click", () => mine(true));
$("leave").addEventListener("click", leave);
const stay = () => { offered = null; $("secret").hidden = true; };
$("stay").addEventListener("click", stay);
$("copy").addEventListener("click", async () => {
  $("link").select();
  try { await navigator.clipboard.writeText($("link").value); } catch { document.execCommand("copy"); } // without https
  say(both("inspect_copied"), "ok");
});
addEventListener("hashchange", () => { if (element.isConnected) recognise(); });
