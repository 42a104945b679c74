"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const kept = {
    get: (name) => { try { return localStorage.getItem(`convmotion ${name}`); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(`convmotion ${name}`, value); } catch { /* it is not kept */ } },
  };

  // Language and theme

  function speak(language) {
    const short = language.slice(0, 2);
    root.lang = language;
    for (const button of all("[data-language]")) button.setAttribute("aria-pressed", button.dataset.language === language);
    for (const image of all("img[data-alt-en]")) image.alt = image.getAttribute(`data-alt-${short}`);
    for (const option of all("option")) option.textContent = option.getAttribute(`data-${short}`);
    for (const link of all("a.live")) link.hash = `lang=${short}`; // pages go on in it
    document.title = one("title").querySelector(`[lang="${short}"]`).textContent;
  }
  for (const button of all("[data-language]")) {
    button.addEventListener("click", () => { speak(button.dataset.language); kept.set("language", root.lang); });
  }
  speak(all("[data-language]").some((button) => button.dataset.language === kept.get("language")) ? kept.get("language") : root.lang);

  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  function shade(theme) {
    if (theme) root.dataset.theme = theme;
    one("theme").setAttribute("aria-pressed", (theme ?? (prefersDark.matches ? "dark" : "light")) === "dark");
  }
  one("theme").addEventListener("click", () => {
    const dark = one("theme").getAttribute("aria-pressed") === "true";
    shade(dark ? "light" : "dark");
    kept.set("theme", root.dataset.theme);
  });
  prefersDark.addEventListener("change", () => shade(root.dataset.theme));
  shade(["light", "dark"].includes(kept.get("theme")) ? kept.get("theme") : undefined);

  // Films

  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const auto = one("auto");
  const films = new Map(all(".film").map((figure) => [figure, { video: figure.querySelector("video"), inView: false, held: false }]));
  function run(figure, plays) {
    const { video } = films.get(figure);
    if (plays) video.play().catch(() => {});
    else video.pause();
  }
  function follow(figure) {
    const film = films.get(figure);
    run(figure, film.inView && auto.checked && !film.held);
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, intersectionRatio } of entries) {
      films.get(target).inView = intersectionRatio >= 0.5;
      if (!films.get(target).inView) films.get(target).held = false;
      follow(target);
    }
  }, { threshold: [0, 0.5] });
  for (const [figure, film] of films) {
    const button = figure.parentElement.querySelector(".play");
    film.video.muted = true;
    film.video.addEventListener("playing", () => film.video.classList.add("seen"));
    film.video.addEventListener("play", () => button.setAttribute("aria-pressed", "true"));
    film.video.addEventListener("pause", () => button.setAttribute("aria-pressed", "false"));
    button.addEventListener("click", () => {
      film.held = !film.video.paused;
      run(figure, film.video.paused);
    });
    figure.addEventListener("mouseenter", () => { if (!still.matches && !film.held) run(figure, true); });
    figure.addEventListener("mouseleave", () => { if (!auto.checked && !still.matches) run(figure, false); });
    watcher.observe(figure);
  }
  function rest() { auto.checked = !still.matches; for (const figure of films.keys()) follow(figure); }
  auto.addEventListener("change", () => { for (const figure of films.keys()) follow(figure); });
  still.addEventListener("change", rest);
  rest();

  // Search

  const cards = all(".card").map((card) => ({
    card,
    kinds: card.dataset.kinds.split(" "),
    text: all("[data-find]", card).map((part) => part.textContent).join(" ").toLowerCase(),
  }));
  function find() {
    const words = one("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [section, kind] = [one("section").value, one("kind").value];
    let shown = 0;
    for (const { card, kinds, text } of cards) {
      const fits = (!section || card.dataset.section === section) && (!kind || kinds.includes(kind));
      card.hidden = !(fits && words.every((word) => text.includes(word)));
      shown += !card.hidden;
    }
    for (const part of all("main section")) part.hidden = !part.querySelector(".card:not([hidden])");
    one("none").hidden = shown > 0;
    one("count").textContent = shown;
  }
  one("search").addEventListener("input", find);
  for (const id of ["section", "kind"]) one(id).addEventListener("change", find);
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  find();

  // Copying

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }
  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      await copy(button.closest(".snippet").querySelector("code").textContent);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1500);
    });
  }
})();
