// The list of pairs, the state of the current one, and the calibration report.
function list() {
  $("list").innerHTML = state.pairs.map((p, k) => `<li><button type="button" data-go="${k}"><i></i><span>${escaped(p.name)}</span></button></li>`).join("");
  each("[data-go]", (button) => button.addEventListener("click", () => { button.blur(); go(Number(button.dataset.go)); }));
}
function mark() {
  const count = { accept: 0, reject: 0, unsure: 0 };
  each("[data-go]", (button) => {
    const index = Number(button.dataset.go), entry = state.pairs[index];
    if (entry.decision) count[entry.decision]++;
    button.className = (entry.decision || "open") + (entry.note ? " note" : "") + (entry.edits.length ? " edited" : "")
      + (entry.split ? " split" : "") + (entry.enough && !entry.decision ? " enough" : "");
    button.parentElement.hidden = !shown(entry);
    button.title = [entry.name, entry.tags.map((tag) => plain("inspect_tag_" + tag)).join(", "), entry.note].filter(Boolean).join(" · ");
    if (index === state.at) { button.setAttribute("aria-current", "true"); } else button.removeAttribute("aria-current");
  });
  const current = element.querySelector('[aria-current="true"]'), box = $("list");
  if (current && (current.offsetTop < box.scrollTop + 30 || current.offsetTop > box.scrollTop + box.clientHeight - 60))
    box.scrollTop = current.offsetTop - box.clientHeight / 2;
  const done = count.accept + count.reject + count.unsure, total = state.pairs.length;
  $("count").innerHTML = both("inspect_count", { at: state.at + 1, total, done, accepted: count.accept, rejected: count.reject })
    + (pace() ? both("inspect_pace", { seconds: pace() }) : "")
    + (state.overlap ? both("inspect_left", { left: state.pairs.filter((p) => !p.decision && !p.enough).length }) : "");
  $("bar").style.width = (100 * done) / Math.max(total, 1) + "%";
  const entry = pair();
  if (!entry) return;
  each("[data-decide]", (button) => button.setAttribute("aria-pressed", button.dataset.decide === entry.decision));
  reasons(entry);
  edited();
  together(entry);
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
