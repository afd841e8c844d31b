// Additions to Gradio: tabs with addresses, language switch without a reload, names for screen readers.
(() => {
  const tabs = TABS; // inserted by theme.py
  const button = (tab) => document.querySelector(`#tabs > .tab-wrapper [role=tab][data-tab-id=${tab}]`);
  const named = () => tabs.find((tab) => location.hash === `#${tab}`);
  const linked = () => tabs.find((tab) => new URLSearchParams(location.search).has(tab));
  const addressed = () => named() || linked() || "animate"; // a link with a parameter of a tab's name opens that tab
  const chosen = () => tabs.find((tab) => button(tab)?.getAttribute("aria-selected") === "true");

  // Keep the address in step with the tab, in both directions (Back, links).
  function follow() {
    const tab = chosen();
    if (!tab || tab === addressed()) return;
    const hash = tab === "animate" && !linked() ? "" : `#${tab}`;
    history.pushState(null, "", location.pathname + location.search + hash); // Gradio's base would drop the search
  }
  function go() {
    const tab = addressed();
    if (button(tab) && chosen() !== tab) button(tab).click();
  }
  window.addEventListener("popstate", go);

  window.vividShow = (id, block = "start") => {
    const place = document.getElementById(id);
    const box = place?.getBoundingClientRect();
    const seen = box && box.top >= 0 && box.top <= innerHeight / 3;
    if (box && (!seen || block === "nearest")) place.scrollIntoView({ behavior: "smooth", block });
  };

  // Returns "yes" if the text was copied; without https only the deprecated command works.
  window.vividCopy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return "yes";
    } catch (error) {
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done ? "yes" : "";
    }
  };

  // If the button is pressed too early, scroll to the first missing input, and return it.
  window.vividMissing = () => {
    const empty = document.querySelector("#todo .vivid-warn") && document.querySelector(".va-card:not(:has(.va-filled))");
    if (empty) empty.scrollIntoView({ behavior: "smooth", block: "center" });
    return empty;
  };

  window.vividSkip = () => {
    button("animate").click();
    requestAnimationFrame(() => document.getElementById("generate")?.focus());
  };

  // Set the locale in Gradio's own store; a hidden button requests new texts from the server.
  window.vividLanguage = async (next) => {
    const locale = window.vividKeepLanguage(next);
    try {
      const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
      const stores = [];
      for (const url of loaded.filter((name) => /\/runtime-[\w-]+\.js$/.test(name)))
        stores.push(...Object.values(await import(url)).filter((each) => each?.set && each?.subscribe));
      if (!stores.length) throw new Error("no store");
      for (const store of stores) await store.set(locale);
      document.documentElement.lang = locale;
      document.getElementById("language").click();
    } catch (error) {
      location.reload();
    }
  };

  const words = WORDS; // inserted by theme.py: key -> English and Chinese
  const say = (key) => words[key][document.documentElement.lang.startsWith("zh") ? 1 : 0];
  function name() {
    // Gradio's before/after slider and its tiles have no accessible names.
    document.querySelectorAll('#check-slider img[alt=""]').forEach((image, index) => {
      image.alt = say(index % 2 ? "check_alt_after" : "check_alt_before");
    });
    // Gradio refuses files with a list of MIME types.
    document.querySelectorAll('[data-testid="toast-text"]').forEach((toast) => {
      const [, file] = toast.textContent.match(/^Invalid file types?: (.*)\. Only .* allowed\./s) ?? [];
      if (file) toast.textContent = say("wrong_type").replace("{name}", file);
    });
    document.querySelectorAll(".vivid-thumbs .thumbnail-item").forEach((tile) => {
      const caption = tile.querySelector(".caption-label")?.textContent.trim();
      if (caption && tile.getAttribute("aria-label") !== caption) tile.setAttribute("aria-label", caption);
      tile.querySelectorAll("img:not([alt])").forEach((image) => { image.alt = ""; });
    });
  }
  const room = new ResizeObserver(([bar]) => {
    document.documentElement.style.setProperty("--vivid-dock", `${Math.ceil(bar.target.offsetHeight) + 8}px`);
  });
  let arrived = false, dock = null;
  new MutationObserver(() => {
    name();
    const wish = document.querySelector("#todo [data-make]"); // the button was pressed before all inputs were read
    if (wish) { wish.removeAttribute("data-make"); document.getElementById("generate").click(); }
    if (!arrived && button("animate")) { arrived = true; go(); }
    else if (arrived) follow();
    const now = document.getElementById("dock");
    if (now && now !== dock) room.observe((dock = now));
  }).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["aria-selected", "lang"] });
})();
