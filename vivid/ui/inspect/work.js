// Tools for long lists of pairs: reasons, the bad frame, the worst frames, order.

// ---- reasons and the bad frame --------------------------------------------------------------------------------
function reasons(entry) {
  each("[data-tag]", (button) => button.setAttribute("aria-pressed", entry.tags.includes(button.dataset.tag)));
  const marked = entry.frame !== null;
  $("bad").innerHTML = both(marked ? "inspect_bad_frame_is" : "inspect_bad_frame", { frame: entry.frame + 1 }) + " <kbd>B</kbd>";
  $("bad").setAttribute("aria-pressed", marked);
  $("show-bad").hidden = !marked;
}
function tag(name) {
  if (!ready()) return;
  const entry = pair(), tags = SETUP.tags.filter((other) => entry.tags.includes(other) !== (other === name));
  save(entry, { tags }, "tag");
}
function bad() { // on another frame: move the mark; on the same one: remove it
  if (!ready()) return;
  play(false);
  save(pair(), { frame: pair().frame === state.frame ? null : state.frame }, "frame");
}
const to = (frame) => { play(false); state.frame = frame; show(); };

// ---- the worst frames -----------------------------------------------------------------------------------------
const share = (name, value) => (name === "jump" ? value.toFixed(2) : Math.round(100 * value));
let turn = -1;
function worst() {
  turn = -1;
  const found = state.data ? SETUP.measures.filter((name) => Number(share(name, state.data.worst[name][1])) > 0) : [];
  $("worst").innerHTML = found.map((name) => {
    const [frame, value] = state.data.worst[name];
    return `<button type="button" data-worst="${frame}">${frame + 1}: ${both("inspect_worst_" + name, { value: share(name, value) })}</button>`;
  }).join("") || (state.data ? both("inspect_worst_none") : "");
  each("[data-worst]", (button) => button.addEventListener("click", () => { button.blur(); to(Number(button.dataset.worst)); }));
}
function nextWorst() {
  const frames = [...element.querySelectorAll("[data-worst]")].map((button) => Number(button.dataset.worst));
  if (!ready() || !frames.length) return;
  turn = (turn + 1) % frames.length;
  to(frames[turn]);
}

// ---- which pairs, in which order ------------------------------------------------------------------------------
const LEAST = { bone: 0.03, reach: 0.05, jump: 0.5, outside: 0.001 }; // whether the filter includes a pair
const value = (entry, name) => (entry.worst ? entry.worst[name][1] : -1);
function shown(entry) {
  const filter = $("filter").value;
  return filter === "all" || filter === (entry.decision || "open") || (filter === "mine" && !entry.decision && !entry.enough)
    || (filter === "split" && entry.split) || entry === pair() || (filter === "note" && !!entry.note)
    || (filter === "corrected" && (entry.edits.length > 0 || Object.keys(entry.nudges).length > 0))
    || (filter === "tags" && entry.tags.length > 0) || (filter in LEAST && value(entry, filter) > LEAST[filter]);
}
function after(by) { // the next visible pair
  let index = state.at + by;
  while (state.pairs[index] && !shown(state.pairs[index])) index += by;
  return index;
}
const beside = (by) => go(after(by));
function sort() {
  const order = $("order").value, current = pair();
  state.pairs.sort((a, b) => (order === "place" ? 0 : value(b, order) - value(a, order)) || a.place - b.place);
  state.at = state.pairs.indexOf(current);
  list();
  mark();
}

// ---- how far annotators agree (words: Landis and Koch, 1977) ---------------------------------------------------
const WORDS = [[0, "poor"], [0.2, "slight"], [0.4, "fair"], [0.6, "moderate"], [0.8, "substantial"], [1, "perfect"]];
function agreement(told) {
  const kappa = (value, index) => value === null ? TEXT.inspect_kappa_none[index] : filled(TEXT.inspect_kappa[index], {
    value: value.toFixed(2), word: TEXT["inspect_kappa_" + WORDS.find(([most]) => value <= most)[1]][index] });
  const line = (key, values) => ["en", "zh"].map((language, index) =>
    `<span class="lang-${language}">${filled(TEXT[key][index], { ...values, kappa: kappa(values.kappa, index) })}</span>`).join("");
  $("agreement").hidden = !told || !told.pairs;
  if (!told) return;
  $("agreement").innerHTML = [line("inspect_agreement", told), ...told.two.map((each) => line("inspect_agreement_two", each))].join(" ");
}

// ---- several annotators ---------------------------------------------------------------------------------------------
function together(entry) { // what the others have decided, once enough have
  const others = entry.others || [];
  $("together").hidden = !others.length && !entry.verdict;
  const said = others.map(({ decision, tags }) => both("inspect_" + decision)
    + (tags.length ? ` (${tags.map((name) => both("inspect_tag_" + name)).join(", ")})` : "")).join(", ");
  $("others").innerHTML = (said ? both("inspect_others") + " " + said : "")
    + (entry.verdict ? `<br>${both("inspect_settled")} ${both("inspect_" + entry.verdict)}` : entry.split ? `<br>${both("inspect_settle")}` : "");
  each("[data-settle]", (button) => {
    button.hidden = !entry.split && !entry.verdict;
    button.setAttribute("aria-pressed", button.dataset.settle === entry.verdict);
  });
}
function settleAs(decision) {
  const entry = pair();
  if (!ready() || !(entry.split || entry.verdict)) { say(both("inspect_nothing_to_settle")); return; }
  Object.assign(entry, { split: false, verdict: decision });
  save(entry, { settled: decision }, "settle");
}
setInterval(() => { if (state.overlap && element.isConnected && !document.hidden) refresh(); }, 20_000);

let surveying = null;
async function survey() { // on first use of such an order or filter; one pair at a time
  const pairs = state.pairs;
  if (surveying === pairs) return;
  surveying = pairs;
  const total = pairs.length;
  for (const entry of [...pairs]) {
    if (state.pairs !== pairs) return; // other pairs were opened meanwhile
    if (entry.worst) continue;
    entry.worst = (await ask("survey", { pair: entry.id }).catch(() => ({ worst: null }))).worst;
    const done = pairs.filter((other) => other.worst !== undefined).length;
    if (done % 5 === 0) { say(both("inspect_surveying", { done, total })); sort(); }
  }
  surveying = null;
  if (state.pairs !== pairs) return;
  sort();
  const done = pairs.filter((entry) => entry.worst).length;
  say(both(done < total ? "inspect_surveyed_some" : "inspect_surveyed", { total, done }), "ok");
}
const measured = () => {
  const asked = $("order").value !== "place" || $("filter").value in LEAST;
  if (asked && state.pairs.some((entry) => entry.worst === undefined)) survey();
};

each("[data-tag]", (button) => button.addEventListener("click", () => { button.blur(); tag(button.dataset.tag); }));
$("bad").addEventListener("click", () => { $("bad").blur(); bad(); });
$("show-bad").addEventListener("click", () => { $("show-bad").blur(); to(pair().frame); });
$("order").addEventListener("change", () => { sort(); measured(); });
$("filter").addEventListener("change", () => { mark(); measured(); });
const help = () => ($("keys").open ? $("keys").close() : $("keys").showModal());
$("help").addEventListener("click", help);
