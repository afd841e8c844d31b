// The player of the Compare tab: two to four synchronised videos with their data. `element`, `watch` and `props` are
// Gradio's; TEXT comes from Python.
const escaped = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => escaped(values[name] ?? ""));
const plain = (key, values = {}) => filled(TEXT[key][document.documentElement.lang.startsWith("zh") ? 1 : 0], values);
const FPS = 24;
let videos = [], shown = "";

function build(data) {
  element.querySelector(".vc-record").innerHTML = data.about;
  element.querySelector(".vc-videos").innerHTML = data.columns.map((column) => `<figure>
    <figcaption><b class="vc-letter">${column.letter}</b><span>${column.caption}</span></figcaption>${column.url
    ? `<video src="${escaped(column.url)}" playsinline preload="auto" data-letter="${column.letter}"></video>`
    : `<p class="vc-error">${column.error}</p>`}${column.notices}</figure>`).join("");
  element.querySelector(".vc-table").innerHTML = data.table;
  const playable = data.columns.filter((column) => column.url);
  element.querySelector(".vc-sound").innerHTML = playable.map((c, k) => `<option value="${k}" data-letter="${c.letter}"></option>`).join("");
  element.classList.add("vc-full");
  element.classList.toggle("vc-playable", playable.length > 0);
  element.classList.toggle("vc-single", data.columns.length === 1 && data.single);
  videos = [...element.querySelectorAll("video")];
  videos.forEach((video) => {
    video.addEventListener("loadedmetadata", place);
    video.addEventListener("click", () => play());
    video.addEventListener("ended", () => { if (video === videos[0]) { seek(0); play(true); } });
  });
  translated();
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
function keep() { // videos that drift by more than 1.5 frames are set to the first one's position
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
function translated() {
  element.querySelectorAll("[data-in-title]").forEach((node) => {
    node.title = plain(node.dataset.inTitle);
    node.setAttribute("aria-label", node.title);
  });
  element.querySelectorAll("option[data-letter]").forEach((node) => { node.textContent = plain("compare_sound", node.dataset); });
  element.querySelectorAll("video[data-letter]").forEach((node) => node.setAttribute("aria-label", plain("compare_video", node.dataset)));
}
translated();
new MutationObserver(translated).observe(document.documentElement, { attributeFilter: ["lang"] });
function arrive() {
  if (!props.value || props.value === shown) return;
  const before = shown;
  shown = props.value;
  const data = JSON.parse(shown);
  play(false);
  if (data.columns.length) build(data);
  else { element.classList.remove("vc-full", "vc-playable"); videos = []; }
  if (!data.token) return;
  const url = new URL(location.href); // so that a reload shows the comparison again
  if (url.searchParams.get("compare") === data.token) {
    if (before === "") requestAnimationFrame(() => vividShow("compare-status")); // opened by a link
    return;
  }
  url.search = "";
  url.searchParams.set("compare", data.token);
  history.replaceState(history.state, "", url);
}
arrive();
watch("value", arrive);
