// The crop of the portrait: dragged, or moved by arrow keys. A hidden number field passes it to the server.
const STEP = 2; // per cent of the picture per key press, five times that with Shift
let held = null, later = 0;

const frame = () => element.querySelector(".va-crop[data-side]");
const limits = (crop) => [Number(crop.dataset.low), Number(crop.dataset.high)];
const across = (crop) => crop.dataset.side === "left";

function place(crop, start) {
  const [low, high] = limits(crop);
  const now = Math.min(Math.max(start, low), high);
  crop.style[crop.dataset.side] = `${now}%`;
  crop.dataset.now = now;
  crop.setAttribute("aria-valuenow", Math.round((100 * (now - low)) / (high - low)));
}

function tell(crop, usual = false) {
  element.querySelector("[data-reset]").hidden = usual;
  clearTimeout(later);
  later = setTimeout(() => {
    const [low, high] = limits(crop);
    const box = document.querySelector("#crop-at input");
    box.value = usual ? "" : ((Number(crop.dataset.now) - low) / (high - low)).toFixed(4);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }, 150);
}

element.addEventListener("pointerdown", (event) => {
  const crop = event.target.closest(".va-crop[data-side]");
  if (!crop || event.button) return;
  crop.setPointerCapture(event.pointerId);
  held = { at: across(crop) ? event.clientX : event.clientY, start: Number(crop.dataset.now) };
});
element.addEventListener("pointermove", (event) => {
  const crop = frame();
  if (!held || !crop) return;
  const box = crop.parentElement.getBoundingClientRect();
  const moved = across(crop) ? (event.clientX - held.at) / box.width : (event.clientY - held.at) / box.height;
  place(crop, held.start + 100 * moved);
});
for (const end of ["pointerup", "pointercancel"])
  element.addEventListener(end, () => {
    const crop = frame();
    if (held && crop && Number(crop.dataset.now) !== held.start) tell(crop);
    held = null;
  });

element.addEventListener("keydown", (event) => {
  const crop = event.target.closest(".va-crop[data-side]");
  if (!crop) return;
  const [low, high] = limits(crop), now = Number(crop.dataset.now);
  const by = STEP * (event.shiftKey ? 5 : 1);
  const to = { ArrowLeft: now - by, ArrowUp: now - by, ArrowRight: now + by, ArrowDown: now + by, Home: low, End: high };
  if (!(event.key in to)) return;
  event.preventDefault();
  place(crop, to[event.key]);
  tell(crop);
});

element.addEventListener("click", (event) => {
  const crop = frame();
  if (!crop || !event.target.closest("[data-reset]")) return;
  place(crop, Number(crop.dataset.usual));
  tell(crop, true);
  crop.focus();
});
