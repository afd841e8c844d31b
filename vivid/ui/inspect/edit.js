// Moving points by hand: the same as vivid.pose.edits, for the frame on screen; the server does it for the file.

// ---- arms -------------------------------------------------------------------------------------------------------
const { most: MOST_EDITS, blend: BLEND, arms: ARMS, names: JOINTS, outwards: OUTWARDS, straight: STRAIGHT } = SETUP.edits;
const HANDS = [18, 39]; // roots of the left and the right hand; their fingers follow
const NECK = 1;
const minus = (a, b) => [a[0] - b[0], a[1] - b[1]], plus = (a, b) => [a[0] + b[0], a[1] + b[1]];
const times = (a, k) => [a[0] * k, a[1] * k], far = (a) => Math.hypot(a[0], a[1]);
const unit = (a, instead) => (far(a) > 0 ? times(a, 1 / far(a)) : far(instead) > 0 ? times(instead, 1 / far(instead)) : [0, 1]);
const turned = (root, joint, goal) => plus(root, times(unit(minus(goal, root), minus(joint, root)), far(minus(joint, root))));
function twoBones(shoulder, elbow, wrist, goal, outwards) {
  const upper = far(minus(elbow, shoulder)), fore = far(minus(wrist, elbow));
  const way = unit(minus(goal, shoulder), minus(wrist, shoulder));
  const reach = Math.min(Math.max(far(minus(goal, shoulder)), Math.abs(upper - fore)), upper + fore);
  const cosine = Math.min(Math.max((upper ** 2 + reach ** 2 - fore ** 2) / (2 * upper * reach) || 0, -1), 1);
  const [x, y] = minus(wrist, shoulder), [u, v] = minus(elbow, shoulder), bend = x * v - y * u;
  const side = Math.abs(bend) <= STRAIGHT * far([x, y]) * far([u, v]) ? outwards : bend < 0 ? -1 : 1;
  const across = times([-way[1], way[0]], side * Math.sqrt(1 - cosine ** 2));
  return [plus(shoulder, times(plus(times(way, cosine), across), upper)), plus(shoulder, times(way, reach))];
}
function weightIn(edit, frame, frames) { // weight of an edit in a frame
  if (frame < edit.first || frame > edit.last) return 0;
  if (edit.first === edit.last) return 1;
  let weight = 1;
  [[edit.first, 1, edit.first > 0], [edit.last, -1, edit.last < frames - 1]].forEach(([end, way, inner]) => {
    if (!inner) return;
    const room = Math.min(BLEND, way * (edit.frame - end)), s = Math.min(Math.max((way * (frame - end)) / room, 0), 1);
    weight *= s * s * (3 - 2 * s);
  });
  return weight;
}
function move(points, edit, weight) { // points: 128 of [x, y, confidence] in pixels, changed in place
  if (!weight) return;
  const by = times(edit.by, weight), there = (k) => points[k][2] > 0;
  const shift = (k, d) => { if (there(k)) [points[k][0], points[k][1]] = plus(points[k], d); };
  if (edit.point >= HANDS[0]) { shift(edit.point, by); return; }
  const hand = ARMS.findIndex((arm) => arm.includes(edit.point)), arm = ARMS[hand], link = arm.indexOf(edit.point);
  const chain = [NECK, ...arm].map((k) => ({ there: there(k), at: points[k].slice(0, 2) }));
  if (!chain[3].there) chain[3] = { there: there(HANDS[hand]), at: points[HANDS[hand]].slice(0, 2) };
  const [above, joint] = [chain[link], chain[link + 1]];
  if (!joint.there) return;
  let moved = by;
  if (!edit.free) {
    if (above.there) moved = minus(turned(above.at, joint.at, plus(joint.at, by)), joint.at);
    if (link === 2 && chain.slice(1).every((each) => each.there)) {
      const [, shoulder, elbow, wrist] = chain.map((each) => each.at), [bent, end] = twoBones(shoulder, elbow, wrist, plus(wrist, by), OUTWARDS[hand]);
      moved = minus(end, wrist);
      shift(arm[1], minus(bent, elbow));
    }
  }
  const carried = edit.free ? [edit.point] : arm.slice(link);
  carried.forEach((k) => shift(k, moved));
  if (carried.includes(arm[2])) for (let k = 0; k < 21; k++) shift(HANDS[hand] + k, moved);
}

// ---- what is on screen --------------------------------------------------------------------------------------------
let pending = null; // an edit that is not saved yet: being dragged, or just moved by keys
function decoded(clip, frame) {
  const size = Math.max(...state.data.canvas) / 4096, plane = clip.frames * 128, first = frame * 128;
  return Array.from({ length: 128 }, (_, k) => [
    clip.points[first + k] * size, clip.points[plane + first + k] * size, clip.points[2 * plane + first + k],
  ]);
}
function corrected(frame = state.frame, edits = pending ? [...pair().edits, pending] : pair().edits) {
  const points = decoded(state.data.calibrated, frame);
  if (ready()) posed(points);
  edits.forEach((edit) => move(points, edit, weightIn(edit, frame, state.data.frames)));
  return points;
}

// ---- which point, over which frames -------------------------------------------------------------------------------
const EXTENTS = ["frame", "range", "clip"];
const JOINTS_OF_ARMS = ARMS.flat(), FINGERS = HANDS.flatMap((root) => Array.from({ length: 20 }, (_, k) => root + 1 + k));
const FINGER_NAMES = ["thumb", "index", "middle", "ring", "little"];
const nameOf = (k, language) => {
  const say = (key) => TEXT["inspect_" + key][language];
  if (k in JOINTS) return say("point_" + JOINTS[k]);
  const hand = k >= HANDS[1] ? 1 : 0, finger = (k - HANDS[hand] - 1) >> 2, place = ((k - HANDS[hand] - 1) & 3) + 1;
  return `${say(["left", "right"][hand] + "_hand")}${language ? "" : ", "}${say("finger_" + FINGER_NAMES[finger])} ${place}`;
};
function pick(k) {
  settle();
  state.picked = k;
  const name = k === null ? null : [0, 1].map((language) => nameOf(k, language));
  $("picked").innerHTML = name ? `<span class="lang-en">${filled(TEXT.inspect_picked[0], { name: name[0] })}</span>`
    + `<span class="lang-zh">${filled(TEXT.inspect_picked[1], { name: name[1] })}</span>` : both("inspect_pick");
  if (k !== null && !state.layers.calibrated) layer("calibrated", true);
  draw();
}
function pickNext(among, by) { // by keys; only what can be seen
  if (!ready()) return;
  const points = corrected(), seen = among.filter((k) => points[k][2] > SETUP.least);
  if (!seen.length) return;
  const at = seen.indexOf(state.picked);
  pick(seen[at < 0 ? (by > 0 ? 0 : seen.length - 1) : (at + by + seen.length) % seen.length]);
}
function fingersHere() { // of the hand whose arm or finger is picked, else of both
  const hand = ARMS.findIndex((arm, k) => arm.includes(state.picked) || (state.picked >= HANDS[k] && state.picked < HANDS[k] + 21));
  return hand < 0 ? FINGERS : FINGERS.slice(20 * hand, 20 * hand + 20);
}
const usualRange = () => [Math.max(0, state.frame - 12), Math.min(state.data.frames - 1, state.frame + 12)];
const range = () => (state.range && state.range[1] < state.data.frames ? state.range : usualRange());
function extent() { // [first, last], or null if the range does not include this frame
  const end = state.data.frames - 1;
  if (state.extent === "clip") return [0, end];
  if (state.extent === "frame") return [state.frame, state.frame];
  const [first, last] = range();
  const within = (state.frame > first || !first) && (state.frame < last || last === end) && state.frame >= first && state.frame <= last;
  return within ? [first, last] : null;
}
function setEnd(which) { // 0: the range begins here, 1: it ends here
  if (!ready()) return;
  settle();
  const ends = [...range()];
  ends[which] = state.frame;
  if (ends[0] > ends[1]) ends[1 - which] = ends[which];
  state.range = ends;
  setExtent("range");
}
function setExtent(name) {
  settle();
  state.extent = name;
  extents();
}
function extents() {
  each("[data-extent]", (button) => button.setAttribute("aria-pressed", button.dataset.extent === state.extent));
  const band = state.data && state.extent === "range" ? range() : null, end = state.data ? Math.max(state.data.frames - 1, 1) : 1;
  $("ends").hidden = !band;
  $("band").hidden = !band;
  if (!band) return;
  $("from").textContent = band[0] + 1;
  $("to").textContent = band[1] + 1;
  $("band").style.left = (100 * band[0]) / end + "%";
  $("band").style.width = (100 * (band[1] - band[0])) / end + "%";
}

// ---- moving it ----------------------------------------------------------------------------------------------------
let resting = 0;
function hold(k) { // start to move a point; false if that is not possible
  const ends = extent();
  if (!ends) { say(both("inspect_out_of_range"), "bad"); return false; }
  pending = { point: k, frame: state.frame, by: [0, 0], first: ends[0], last: ends[1], free: $("free").checked };
  return true;
}
function settle() { // save what is pending
  clearTimeout(resting);
  if (!pending) return;
  const entry = pair(), edit = pending, before = corrected(edit.frame, entry.edits)[edit.point], after = corrected(edit.frame)[edit.point];
  pending = null;
  edit.by = minus(after, before).map((way) => Math.round(way * 1000) / 1000); // as far as the arm reaches
  if (far(edit.by) < 0.05) { draw(); return; }
  const edits = [...entry.edits], last = edits[edits.length - 1];
  if (last && ["point", "frame", "first", "last", "free"].every((name) => last[name] === edit[name])) {
    edits.pop();
    edit.by = plus(edit.by, last.by).map((way) => Math.round(way * 1000) / 1000);
  }
  edits.push(edit);
  if (edits.length > MOST_EDITS) { say(both("inspect_too_many_edits", { most: MOST_EDITS }), "bad"); draw(); return; }
  save(entry, { edits }, "edit");
  say(both("inspect_did_edit"));
  changed();
}
function push(across, down, event) { // arrow keys
  if (event.repeat && !pending) return;
  const step = (event.shiftKey ? 10 : 1) * Math.max(1, Math.max(...state.data.canvas) / 1000);
  if (!pending && !hold(state.picked)) return;
  pending.by = plus(pending.by, [across * step, down * step]);
  draw();
  clearTimeout(resting);
  resting = setTimeout(settle, 600);
}
function forget() { // reset all points of this pair to their calibrated positions
  settle();
  if (!ready() || !pair().edits.length) return;
  save(pair(), { edits: [] }, "edit");
  changed();
}
function changed() { // the frame at once, the worst frames when the server has answered
  edited();
  draw();
  clearTimeout(later);
  later = setTimeout(redraw, 300);
}
function edited() {
  const count = pair() ? pair().edits.length : 0;
  const end = state.data ? Math.max(state.data.frames - 1, 1) : 1;
  $("edits").innerHTML = count ? both("inspect_edits", { count }) : "";
  $("ticks").innerHTML = count ? pair().edits.map(({ frame }) => `<i style="left:${(100 * frame) / end}%"></i>`).join("") : "";
  $("forget").hidden = !count;
}
