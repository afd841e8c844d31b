// The sliders, which correct a clip as a whole: drawn at once for the frame on screen, by the server for the rest.
const sliderNudges = () => { // including default values
  const nudges = {};
  each("[data-nudge]", (input) => { nudges[input.dataset.nudge] = Number(input.value); });
  return nudges;
};
const touched = (nudges) => Object.fromEntries(Object.entries(nudges).filter(([name, value]) => value !== SETUP.nudges[name][2]));
const readNudges = () => touched(sliderNudges());
const complete = (nudges) => Object.fromEntries(Object.entries(SETUP.nudges).map(([name, limits]) => [name, nudges[name] ?? limits[2]]));

// The same as vivid.pose.rig, for the frame on screen: from the nudges already applied to those of the sliders.
function posed(points) { // points: 128 of [x, y, confidence] in pixels, changed in place
  const old = complete(state.data.nudges), now = sliderNudges(), { centre, unit } = state.data;
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
async function redraw() { // the server's result and report; at most one request at a time
  if (asking) { again = true; return; }
  asking = true;
  do {
    again = false;
    if (!ready()) break;
    const entry = pair(), data = state.data, nudges = readNudges();
    const began = performance.now();
    try {
      const answer = await ask("fit", { pair: entry.id, nudges, edits: entry.edits });
      Object.assign(data, answer, { calibrated: await unpacked(answer.calibrated, data.frames), nudges });
      if (entry === pair()) { draw(); numbers(); $("report").innerHTML = data.report; worst(); }
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
    const pixels = Math.round(value * ((state.data && state.data.unit) || 0)), sign = value > 0 ? "+" : "";
    label.textContent = name.startsWith("offset") ? `${sign}${pixels} px` : name.endsWith("angle") ? `${sign}${value}°` : `× ${value.toFixed(2)}`;
    label.parentElement.classList.toggle("vi-touched", value !== SETUP.nudges[name][2]);
  });
}

