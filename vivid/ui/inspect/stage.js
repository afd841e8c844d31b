// The stage: layers on one canvas, with zoom and pan; line widths do not depend on the zoom.

// ---- where things are -----------------------------------------------------------------------------------------------
const MARGIN = 0.05; // margin on each side, as a share of the picture, so that hands outside it are visible
const MOST_ZOOM = 40;
const canvas = $("canvas");
const home = () => ({ zoom: 1, x: 0.5, y: 0.5 }); // the point of the picture at the middle of the stage, as shares of its size
state.view = home();
function geometry() { // a point p of the picture is at p * scale + (left, top), in pixels of the page
  const [width, height] = state.data.canvas, room = [canvas.clientWidth, canvas.clientHeight];
  const scale = state.view.zoom * Math.min(room[0] / (width * (1 + 2 * MARGIN)), room[1] / (height * (1 + 2 * MARGIN)));
  const left = room[0] / 2 - state.view.x * width * scale, top = room[1] / 2 - state.view.y * height * scale;
  return { scale, left, top, width: width * scale, height: height * scale, room };
}
const placeOf = (event) => { // in pixels of the picture
  const box = canvas.getBoundingClientRect(), g = geometry();
  return [(event.clientX - box.left - g.left) / g.scale, (event.clientY - box.top - g.top) / g.scale];
};
function zoom(factor, at = chosen()) { // at: the fixed point of the zoom, in pixels of the picture
  if (!state.data) return;
  const [width, height] = state.data.canvas, view = state.view;
  const zoomed = Math.min(Math.max(view.zoom * factor, 0.5), MOST_ZOOM), nearer = 1 - view.zoom / zoomed;
  if (at) { view.x += (at[0] / width - view.x) * nearer; view.y += (at[1] / height - view.y) * nearer; }
  view.zoom = zoomed;
  inside();
  draw();
}
const chosen = () => (state.picked !== null && ready() ? corrected()[state.picked] : null);
function inside() { // the middle of the stage stays on the picture
  ["x", "y"].forEach((axis) => { state.view[axis] = Math.min(Math.max(state.view[axis], -MARGIN), 1 + MARGIN); });
}
const wholePicture = () => { state.view = home(); draw(); };

// ---- drawing --------------------------------------------------------------------------------------------------------
let raf = 0;
const draw = () => { raf = raf || requestAnimationFrame(() => { raf = 0; paint(); }); };
function paint() {
  const pen = canvas.getContext("2d"), ratio = Math.min(devicePixelRatio || 1, 2);
  const size = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  $("zoomed").textContent = Math.round(100 * state.view.zoom) + " %";
  if (!state.data || !pair()) return;
  const began = performance.now(), g = geometry(), { layers } = state, looks = layers.look && look.image && look.id === pair().id;
  if (layers.portrait || layers.look) pen.drawImage(state.data.picture, g.left, g.top, g.width, g.height);
  if (looks) {
    const [x0, y0, x1, y1] = look.box;
    pen.drawImage(look.image, g.left + x0 * g.scale, g.top + y0 * g.scale, (x1 - x0) * g.scale, (y1 - y0) * g.scale);
  }
  const quiet = layers.raw && layers.calibrated; // then only one of them is coloured
  if (layers.portrait && !layers.look && (layers.raw || layers.calibrated)) {
    pen.fillStyle = "rgba(0, 0, 0, 0.18)";
    pen.fillRect(g.left, g.top, g.width, g.height);
  }
  if (layers.reference) skeleton(pen, g, decoded(state.data.reference, 0), { plain: "rgba(255,255,255,0.9)", dash: [6, 5] });
  if (layers.raw) skeleton(pen, g, decoded(state.data.raw, state.frame), quiet ? { plain: "rgba(255,255,255,0.7)" } : {});
  if (layers.calibrated) skeleton(pen, g, corrected(), { handles: true });
  element.dataset.paint = (performance.now() - began).toFixed(1);
  element.dataset.view = [g.scale, g.left, g.top].join(" ");
  finished();
}
function skeleton(pen, g, points, { plain: colour = "", dash = [], handles = false }) {
  const at = points.map(([x, y, confidence]) => (confidence > SETUP.least ? [x * g.scale + g.left, y * g.scale + g.top] : null));
  const thick = Math.min(Math.max(Math.min(...g.room) / 130, 3), 6); // pixels of the page
  pen.lineCap = "round";
  pen.setLineDash(dash);
  const stroke = (a, b, width, paint) => {
    if (!at[a] || !at[b]) return;
    pen.lineWidth = width; pen.strokeStyle = paint;
    pen.beginPath(); pen.moveTo(...at[a]); pen.lineTo(...at[b]); pen.stroke();
  };
  const dot = (k, radius, paint) => {
    if (!at[k]) return;
    pen.fillStyle = paint;
    pen.beginPath(); pen.arc(at[k][0], at[k][1], radius, 0, 7); pen.fill();
  };
  const lines = [...SETUP.limbs.map((limb) => [...limb, colour ? 1.5 : thick * 0.8]), ...SETUP.bones.map((bone) => [...bone, colour ? 1 : thick * 0.4])];
  if (!dash.length) lines.forEach(([a, b, , width]) => stroke(a, b, width + 2, "rgba(0,0,0,0.45)")); // visible on bright clothes
  lines.forEach(([a, b, paint, width]) => stroke(a, b, width, colour || paint));
  if (state.layers.face) for (let k = 60; k < 128; k++) dot(k, 1.2, colour || "#fff");
  if (colour) return;
  for (let k = 0; k < 18; k++) dot(k, thick * 0.55, "#fff");
  for (let k = 18; k < 60; k++) dot(k, thick * 0.36, "#fff");
  if (!handles) return;
  pen.lineWidth = 2;
  const ring = (k, radius, paint) => {
    if (k === null || !at[k]) return;
    pen.strokeStyle = paint;
    pen.beginPath(); pen.arc(at[k][0], at[k][1], radius, 0, 7); pen.stroke();
  };
  JOINTS_OF_ARMS.forEach((k) => ring(k, thick + 1.5, "rgba(255,255,255,0.85)"));
  ring(near, thick + 5, "#fff");
  ring(state.picked, thick + 5, "#ffd54a");
  ring(state.picked, thick + 7, "rgba(0,0,0,0.6)");
}

// ---- the finished look ----------------------------------------------------------------------------------------------
const look = { image: null, key: "", id: "", frame: -1, box: null, failed: "", asking: false };
async function finished() { // for the frame on screen; at most one request at a time
  if (!state.layers.look || !ready()) { $("chip").hidden = true; return; }
  const entry = pair(), { frame } = state, edits = entry.edits, nudges = readNudges(), key = JSON.stringify([entry.id, nudges, edits]);
  const here = look.key === key && look.frame === frame;
  $("chip").hidden = here || look.failed === key;
  if (here || look.failed === key || look.asking || pending) return;
  look.asking = true;
  const began = performance.now();
  try {
    const { picture, box } = await ask("look", { pair: entry.id, nudges, edits, frame });
    const image = new Image();
    image.src = picture;
    await image.decode();
    Object.assign(look, { image, key, id: entry.id, frame, box });
    element.dataset.look = `${entry.id} ${frame} ${Math.round(performance.now() - began)}`;
  } catch (error) { look.failed = key; complain(error); }
  look.asking = false;
  draw();
}

// ---- layers, frames -------------------------------------------------------------------------------------------------
function layer(name, on = !state.layers[name]) {
  state.layers[name] = on;
  if (on) look.failed = "";
  kept(localStorage, "layers", JSON.stringify(state.layers));
  layers();
  draw();
}
function layers() {
  each("[data-layer]", (button) => button.setAttribute("aria-pressed", state.layers[button.dataset.layer]));
}
function show() {
  $("frame").value = state.frame;
  const data = state.data;
  $("time").textContent = data ? `${state.frame + 1} / ${data.frames} · ${(state.frame / data.fps).toFixed(2)} s` : "";
  extents();
  draw();
}
function step(by) {
  if (!state.data) return;
  settle();
  play(false);
  state.frame = Math.min(Math.max(state.frame + by, 0), state.data.frames - 1);
  show();
}
function play(on = !state.playing) {
  if (on) settle();
  state.playing = on && !!state.data;
  $("play").innerHTML = state.playing ? "❚❚" : "▶";
  if (!state.playing) return;
  const began = performance.now(), first = state.frame;
  const tick = () => {
    if (!state.playing || !element.isConnected) return;
    if (state.data) {
      const next = (first + Math.floor(((performance.now() - began) * state.data.fps) / 1000)) % state.data.frames;
      if (next !== state.frame) { state.frame = next; show(); }
    }
    requestAnimationFrame(tick);
  };
  tick();
}
const full = () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else if ($("work").requestFullscreen) $("work").requestFullscreen();
};

// ---- mouse and fingers ------------------------------------------------------------------------------------------------
let near = null; // the point under the mouse
let grip = null; // what one pointer does: {point, from} or {pan}
const pointers = new Map();
function pointAt(event) {
  if (!ready() || !state.layers.calibrated) return null;
  const place = placeOf(event), { scale } = geometry(), points = corrected(), reach = event.pointerType === "mouse" ? 11 : 20;
  let best = null, least = reach / scale;
  [...JOINTS_OF_ARMS, ...FINGERS].forEach((k, index) => {
    if (points[k][2] <= SETUP.least) return;
    const distance = far(minus(points[k], place)) * (index < JOINTS_OF_ARMS.length ? 0.75 : 1); // a joint before a finger
    if (distance < least) [best, least] = [k, distance];
  });
  return best;
}
const pinch = () => {
  const [a, b] = [...pointers.values()].map((event) => [event.clientX, event.clientY]);
  return { width: far(minus(a, b)), event: { clientX: (a[0] + b[0]) / 2, clientY: (a[1] + b[1]) / 2 } };
};
canvas.addEventListener("pointerdown", (event) => {
  if (!state.data || event.button > 0) return;
  if (!pointers.size) settle();
  pointers.set(event.pointerId, event);
  canvas.setPointerCapture(event.pointerId);
  if (pointers.size > 2) return;
  if (pointers.size === 2) { // two fingers: a point that one of them dragged is put back
    pending = null;
    const { width, event: middle } = pinch();
    grip = { width, at: placeOf(middle) };
    draw();
    return;
  }
  const k = pointAt(event);
  if (k !== null) {
    play(false);
    pick(k);
    grip = hold(k) ? { point: k, from: placeOf(event) } : null;
  } else grip = { pan: [event.clientX, event.clientY], moved: false };
});
canvas.addEventListener("pointermove", (event) => {
  if (pointers.has(event.pointerId)) pointers.set(event.pointerId, event);
  if (!grip) {
    const k = pointAt(event);
    canvas.style.cursor = k === null ? "grab" : "pointer";
    if (k !== near) { near = k; draw(); }
    return;
  }
  if (grip.width && pointers.size === 2) {
    const { width, event: middle } = pinch();
    zoom(width / Math.max(grip.width, 1), grip.at);
    pan(minus(placeOf(middle), grip.at));
    grip.width = width;
  } else if (grip.pan) {
    const now = [event.clientX, event.clientY], way = minus(now, grip.pan);
    if (far(way) > 3 || grip.moved) {
      grip.moved = true;
      canvas.style.cursor = "grabbing";
      pan(times(way, 1 / geometry().scale));
      grip.pan = now;
    }
  } else if (pending) { pending.by = minus(placeOf(event), grip.from); draw(); }
});
function pan(way) { // in pixels of the picture
  const [width, height] = state.data.canvas;
  state.view.x -= way[0] / width;
  state.view.y -= way[1] / height;
  inside();
  draw();
}
["pointerup", "pointercancel", "lostpointercapture"].forEach((name) => canvas.addEventListener(name, (event) => {
  if (!pointers.delete(event.pointerId)) return;
  const was = grip;
  grip = null;
  if (was && was.pan && !was.moved && name === "pointerup") pick(null);
  if (name === "pointercancel") { pending = null; draw(); } else settle();
}));
canvas.addEventListener("wheel", (event) => {
  if (!state.data) return;
  event.preventDefault();
  const lines = event.deltaMode ? 30 : 1;
  zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), placeOf(event));
}, { passive: false });
canvas.addEventListener("dblclick", (event) => { if (pointAt(event) === null) wholePicture(); });
