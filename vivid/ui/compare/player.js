// The player of the Compare tab: two to four videos in step, with their measures. `element`, `watch` and `props` are
// Gradio's; TEXT comes from Python.
const escaped = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => escaped(values[name] ?? ""));
const both = (key, values = {}) =>
  `<span class="lang-en">${filled(TEXT[key][0], values)}</span><span class="lang-zh">${filled(TEXT[key][1], values)}</span>`;
const plain = (key, values = {}) => filled(TEXT[key][document.documentElement.lang.startsWith("zh") ? 1 : 0], values);
const FPS = 24;
let videos = [], shown = "";

function number(name, value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return escaped(value);
  if (["bone_error", "reach", "inside"].includes(name)) return (100 * value).toFixed(1) + " %";
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}
function setting(name, value) {
  if (typeof value === "boolean") return both(value ? "compare_on" : "compare_off");
  return value === null ? "–" : escaped(value);
}
function build(data) {
  const columns = data.columns;
  const titles = columns.map((column) => data.differ.length
    ? data.differ.map((name) => `${both("compare_" + name)}: <b>${setting(name, column.settings[name])}</b>`).join("<br>")
    : both("compare_same_settings"));
  element.querySelector(".vc-videos").innerHTML = columns.map((column, k) => `<figure>
    <figcaption><b class="vc-letter">${column.letter}</b><span>${titles[k]}</span></figcaption>
    <video src="${escaped(column.url)}" playsinline preload="auto" aria-label="${escaped(plain("compare_video", { letter: column.letter }))}"></video></figure>`).join("");
  const names = [...new Set(columns.flatMap((column) => Object.keys(column.measures)))];
  element.querySelector(".vc-table").innerHTML = `<thead><tr><th></th>${columns.map((c) => `<th>${c.letter}</th>`).join("")}</tr></thead><tbody>${
    names.map((name) => `<tr><th>${both("compare_row_" + name)}</th>${columns.map((c) => `<td>${number(name, c.measures[name])}</td>`).join("")}</tr>`).join("")}</tbody>`;
  element.querySelector(".vc-sound").innerHTML = columns.map((c, k) => `<option value="${k}">${escaped(plain("compare_sound", { letter: c.letter }))}</option>`).join("");
  element.classList.add("vc-full");
  videos = [...element.querySelectorAll("video")];
  videos.forEach((video) => {
    video.addEventListener("loadedmetadata", place);
    video.addEventListener("click", () => play());
    video.addEventListener("ended", () => { if (video === videos[0]) { seek(0); play(true); } });
  });
  sound();
}
const length = () => Math.min(...videos.map((video) => video.duration || Infinity));
function place() {
  const seconds = length();
  if (!videos.length || !Number.isFinite(seconds)) return;
  const now = videos[0].currentTime;
  element.querySelector(".vc-seek").value = Math.round((1000 * now) / seconds);
  element.querySelector(".vc-time").textContent = `${now.toFixed(2)} / ${seconds.toFixed(2)} s`;
}
function seek(time) {
  const to = Math.min(Math.max(time, 0), Math.max(length() - 0.001, 0));
  videos.forEach((video) => { video.currentTime = to; });
  place();
}
let playing = false;
function play(on = !playing) {
  playing = on && videos.length > 0;
  element.querySelector(".vc-play").textContent = playing ? "❚❚" : "▶";
  if (playing) {
    const at = videos[0].currentTime;
    videos.forEach((video) => { video.currentTime = at; });
    Promise.allSettled(videos.map((video) => video.play()));
    requestAnimationFrame(keep);
  } else videos.forEach((video) => video.pause());
}
function keep() { // whoever drifts by more than a frame and a half is put back to the first one's place
  if (!playing || !element.isConnected) return;
  const at = videos[0].currentTime;
  let worst = 0;
  videos.slice(1).forEach((video) => {
    const drift = Math.abs(video.currentTime - at);
    worst = Math.max(worst, drift);
    if (drift > 1.5 / FPS && !video.seeking) video.currentTime = at;
  });
  element.dataset.drift = worst.toFixed(3);
  place();
  requestAnimationFrame(keep);
}
function sound() {
  const chosen = Number(element.querySelector(".vc-sound").value);
  videos.forEach((video, k) => { video.muted = k !== chosen; });
}
element.querySelector(".vc-play").addEventListener("click", () => play());
element.querySelector(".vc-back").addEventListener("click", () => { play(false); seek(videos[0].currentTime - 1 / FPS); });
element.querySelector(".vc-forward").addEventListener("click", () => { play(false); seek(videos[0].currentTime + 1 / FPS); });
element.querySelector(".vc-seek").addEventListener("input", (event) => { play(false); seek((length() * event.target.value) / 1000); });
element.querySelector(".vc-sound").addEventListener("change", sound);
element.querySelector(".vc-speed").addEventListener("change", (event) => videos.forEach((video) => { video.playbackRate = Number(event.target.value); }));
element.querySelector(".vc-csv").addEventListener("click", () => {
  const data = JSON.parse(props.value);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data.csv], { type: "text/csv" }));
  link.download = "comparison.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});
function translated() {
  element.querySelectorAll("[data-in-title]").forEach((node) => {
    node.title = plain(node.dataset.inTitle);
    node.setAttribute("aria-label", node.title);
  });
}
translated();
new MutationObserver(translated).observe(document.documentElement, { attributeFilter: ["lang"] });
watch("value", () => {
  if (!props.value || props.value === shown) return;
  shown = props.value;
  const data = JSON.parse(shown);
  play(false);
  if (data.columns.length) build(data);
  else { element.classList.remove("vc-full"); videos = []; }
});
