// The list of pairs and the state of the current one.
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
