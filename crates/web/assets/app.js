// What a page does beyond HTML: it refreshes itself when something changed, warns before the session ends and keeps
// what was typed, and takes a few keys. Every page works without it.
"use strict";
(() => {
  const body = document.body;
  const csrf = body.dataset.csrf || "";

  // HTML from our own server, parsed into nodes; the only place that turns text into markup.
  const policy = window.trustedTypes ? window.trustedTypes.createPolicy("liaison", { createHTML: (text) => text }) : null;
  const parse = (text) => new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");

  // --- Regions that refresh themselves ---------------------------------------------------------------------------
  const busy = (region) => region.contains(document.activeElement)
    && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);

  let refreshing = false, again = false;
  async function refresh() {
    if (refreshing) { again = true; return; }
    refreshing = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-liaison-live": "1" }, redirect: "error" });
      if (!answer.ok) { return; }
      const fresh = parse(await answer.text());
      for (const region of document.querySelectorAll("[data-live]")) {
        const next = fresh.querySelector(`[data-live="${CSS.escape(region.dataset.live)}"]`);
        if (!next || busy(region) || next.innerHTML === region.innerHTML) { continue; }
        const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
        region.replaceChildren(...[...next.childNodes].map((node) => document.importNode(node, true)));
        if (focused) { const back = document.getElementById(focused); if (back) { back.focus(); } }
      }
    } catch { /* The next change tries again. */ } finally {
      refreshing = false;
      if (again) { again = false; refresh(); }
    }
  }

  if ("livePage" in body.dataset && "EventSource" in window) {
    const source = new EventSource("/live");
    source.addEventListener("changed", refresh);
    // Time left changes without an event.
    setInterval(() => { if (!document.hidden) { refresh(); } }, 60000);
    window.addEventListener("pagehide", () => source.close());
  }

  // --- The end of a session ---------------------------------------------------------------------------------------
  const WARN_MS = 2 * 60 * 1000;
  let idleMs = Number(body.dataset.idleMs || 0);
  let absoluteMs = Number(body.dataset.absoluteMs || 0);
  if (csrf && idleMs > 0) {
    let warnTimer, endTimer, absoluteEnd = performance.now() + absoluteMs;
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", "idle-title");
    const title = document.createElement("h2");
    title.id = "idle-title";
    const text = document.createElement("p");
    const actions = document.createElement("div");
    actions.className = "actions";
    const stay = document.createElement("button");
    stay.type = "button";
    stay.className = "primary";
    stay.textContent = "Stay signed in";
    actions.append(stay);
    const frame = document.createElement("div");
    dialog.append(title, text, frame, actions);
    body.append(dialog);

    const plan = () => {
      clearTimeout(warnTimer); clearTimeout(endTimer);
      const left = Math.min(idleMs, absoluteEnd - performance.now());
      warnTimer = setTimeout(warn, Math.max(0, left - WARN_MS));
      endTimer = setTimeout(ended, left);
    };
    const warn = () => {
      title.textContent = "Your session ends in two minutes";
      text.textContent = "Nothing you typed is lost. Stay signed in to go on.";
      stay.textContent = "Stay signed in";
      stay.hidden = false;
      if (!dialog.open) { dialog.showModal(); }
    };
    const ended = () => {
      title.textContent = "Your session has ended";
      text.textContent = "What you typed is still on this page. Sign in again in a new tab, then come back and go on here.";
      stay.textContent = "I signed in again";
      frame.replaceChildren();
      const link = document.createElement("a");
      link.href = "/sign-in"; link.target = "_blank"; link.rel = "noopener"; link.className = "button";
      link.textContent = "Sign in (new tab)";
      frame.append(link);
      body.classList.add("ended");
      if (!dialog.open) { dialog.showModal(); }
    };
    const touch = async () => {
      const answer = await fetch("/session/touch", {
        method: "POST",
        headers: { "x-liaison-script": "1", "x-csrf": body.dataset.csrf, "content-type": "application/x-www-form-urlencoded" },
        body: "",
      });
      // A new session has a new token: every form of this page takes it.
      if (answer.status === 403 || answer.ok) {
        const state = answer.ok ? await answer.json() : await (await fetch("/session", { headers: { "x-liaison-script": "1" } })).json();
        idleMs = state.idle_ms; absoluteEnd = performance.now() + state.absolute_ms;
        if (state.csrf) {
          body.dataset.csrf = state.csrf;
          for (const input of document.querySelectorAll("input[name=csrf]")) { input.value = state.csrf; }
        }
        body.classList.remove("ended");
        frame.replaceChildren();
        dialog.close(); plan();
        document.dispatchEvent(new CustomEvent("liaison:session"));
        return true;
      }
      return false;
    };
    stay.addEventListener("click", async () => {
      try { if (!(await touch())) { ended(); } } catch { text.textContent = "The server cannot be reached. Try again."; }
    });
    // Typing is activity: told to the server at most once a minute.
    let told = performance.now();
    document.addEventListener("input", () => {
      if (performance.now() - told > 60000 && !body.classList.contains("ended")) { told = performance.now(); touch().catch(() => {}); }
    });
    // A form that would be lost is kept on the page instead.
    document.addEventListener("submit", (event) => {
      if (body.classList.contains("ended")) { event.preventDefault(); ended(); }
    });
    plan();
    window.liaison = { csrf: () => body.dataset.csrf };
  }

  // --- Small helps -------------------------------------------------------------------------------------------------
  // A button pressed twice sends once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented) { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    if ((form.method || "get").toLowerCase() === "post") {
      form.dataset.sent = "1";
      setTimeout(() => { delete form.dataset.sent; }, 4000);
    }
  });
  const focus = document.querySelector("[data-focus]");
  if (focus) { focus.focus(); }
  // Keys: a button or choice with data-key is pressed by that key, outside of fields.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) { return; }
    const at = event.target;
    const typing = at.isContentEditable || /^(TEXTAREA|SELECT)$/.test(at.tagName)
      || (at.tagName === "INPUT" && !/^(radio|checkbox|button|submit)$/.test(at.type));
    if (typing || document.querySelector("dialog[open]")) { return; }
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (target) { event.preventDefault(); target.focus(); target.click(); }
  });
  // A list is walked by j and k or the arrows: they move from one item's button to the next; Enter presses it.
  document.addEventListener("keydown", (event) => {
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) { return; }
    const at = event.target;
    if (/^(TEXTAREA|SELECT|INPUT)$/.test(at.tagName) || at.isContentEditable || document.querySelector("dialog[open]")) { return; }
    const items = [...document.querySelectorAll("[data-list] [data-item]")];
    // The arrows scroll the page until the list is entered.
    const here = items.indexOf(at.closest("tr, li")?.querySelector("[data-item]"));
    if (!items.length || (here < 0 && event.key.length > 1)) { return; }
    event.preventDefault();
    const next = items[Math.max(0, Math.min(items.length - 1, here + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
  // Filters apply at once.
  for (const form of document.querySelectorAll("form[data-auto]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }
  for (const button of document.querySelectorAll("[data-print]")) { button.hidden = false; button.addEventListener("click", () => window.print()); }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  }
  // An open menu closes on Escape and on a click elsewhere.
  for (const menu of document.querySelectorAll("details.me")) {
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) { menu.open = false; } });
    menu.addEventListener("keydown", (event) => { if (event.key === "Escape") { menu.open = false; menu.querySelector("summary").focus(); } });
  }
})();
