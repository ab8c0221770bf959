// Editor of notes: saves while one writes, shows what the server computed and what it would ask, and adds rows without a
// page load. Nothing is kept in the browser; without this script the buttons do the same.
"use strict";
(() => {
  const form = document.querySelector("form[data-editor]");
  if (!form) { return; }
  const state = form.querySelector("[data-save-state]");
  const WAIT = 1500;
  let timer = 0, saving = false, dirty = false, stopped = false, leaving = false;

  const el = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text) { made.textContent = text; }
    if (className) { made.className = className; }
    return made;
  };
  const named = (path) => form.elements.namedItem(path);
  const fieldOf = (path) => {
    const found = named(path);
    return found instanceof RadioNodeList ? found[0] : found;
  };
  const boxOf = (path) => {
    const field = document.getElementById(`f-${path}`) || fieldOf(path);
    return field ? field.closest("td, .field, .list, fieldset") || field.parentElement : null;
  };
  const say = (text, bad) => { state.textContent = text; state.classList.toggle("bad", Boolean(bad)); };

  // --- What the server found ---------------------------------------------------------------------------------------
  function clearWrong() {
    for (const note of form.querySelectorAll("p.wrong[data-script], .editor-main p.wrong[id^='e-']")) { note.remove(); }
    for (const field of form.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid"); field.removeAttribute("aria-describedby");
    }
  }
  function showWrong(list) {
    clearWrong();
    for (const one of list) {
      const box = boxOf(one.path);
      if (!box) { continue; }
      const note = el("p", one.message, "wrong");
      note.id = `e-${one.path}`; note.dataset.script = "1";
      const field = document.getElementById(`f-${one.path}`) || fieldOf(one.path);
      if (field && "setAttribute" in field && /^(INPUT|SELECT|TEXTAREA|FIELDSET)$/.test(field.tagName)) {
        field.setAttribute("aria-invalid", "true"); field.setAttribute("aria-describedby", note.id);
      }
      box.append(note);
    }
  }
  function showUnusual(list) {
    const keys = new Set(list.map((one) => one.key));
    for (const box of form.querySelectorAll("input[name=confirm]")) {
      if (!keys.has(box.value)) { box.closest(".unusual").remove(); }
    }
    const there = new Set([...form.querySelectorAll("input[name=confirm]")].map((box) => box.value));
    for (const one of list) {
      const place = boxOf(one.path);
      if (there.has(one.key) || !place) { continue; }
      there.add(one.key);
      const label = el("label", "", "choice unusual");
      const box = el("input");
      box.type = "checkbox"; box.name = "confirm"; box.value = one.key;
      label.append(box, el("span", `${one.message}. Confirmed: the value is right`));
      place.append(label);
    }
  }
  function showLists(answer) {
    for (const section of answer.sections) {
      for (const place of form.querySelectorAll(`[data-progress="${CSS.escape(section.key)}"]`)) { place.textContent = section.words; }
    }
    if (answer.state !== "saved") { return; }
    const missing = form.querySelector("[data-missing]");
    missing.replaceChildren(...answer.missing.map((one) => {
      const item = el("li"), link = el("a", one.place);
      link.href = `#f-${one.path}`;
      item.append(link, `: ${one.message}`);
      return item;
    }));
    const unchecked = form.querySelector("[data-unchecked]");
    if (unchecked) { unchecked.remove(); }
    form.querySelector("[data-nothing-missing]").hidden = answer.missing.length > 0;
    const told = form.querySelector("[data-told]");
    told.replaceChildren(...answer.told.flatMap((one) => {
      const body = el("dd", "", one.tone);
      body.append(...one.lines.map((line) => el("span", line)));
      return [el("dt", one.label), body];
    }));
    for (const [path, text] of answer.computed) {
      const hidden = named(path);
      if (hidden instanceof HTMLInputElement && hidden.type === "hidden") { hidden.value = text; }
      const shown = form.querySelector(`[data-computed="${CSS.escape(path)}"]`);
      if (shown) { shown.textContent = text === "" ? "not yet" : text === "true" ? "yes" : text === "false" ? "no" : text.replaceAll("_", " "); }
    }
  }

  // --- Saving ------------------------------------------------------------------------------------------------------
  async function save() {
    if (saving || stopped) { return; }
    saving = true; dirty = false;
    say("Saving …");
    try {
      const body = new URLSearchParams(new FormData(form));
      for (const name of [...body.keys()]) { if (name.startsWith("paste:")) { body.delete(name); } }
      const text = body.toString();
      const answer = await fetch(form.action, {
        method: "POST", body,
        // A tab that is closed lets what is under way arrive; browsers allow this for 64 KiB.
        keepalive: text.length < 60000,
        headers: { "x-liaison-script": "1", "x-csrf": document.body.dataset.csrf || "" },
      });
      if (answer.status === 401 || answer.status === 403) {
        dirty = true; say("Not saved: sign in again. What you typed is still here.", true); return;
      }
      if (!(answer.headers.get("content-type") || "").includes("json")) {
        dirty = true; say("Not saved: the server could not take it. It is tried again with the next change.", true); return;
      }
      const told = await answer.json();
      if (told.state === "saved") {
        form.elements.revision.value = told.revision;
        say(dirty ? "Saving …" : told.message, told.wrong.length > 0);
        // What no field can hold is saved too, outside of the note: its field says so until it is mended.
        showWrong(told.wrong);
        showUnusual(told.unusual);
        showLists(told);
      } else if (told.state === "wrong") {
        dirty = true;
        say(`Not saved: ${told.wrong.length} ${told.wrong.length === 1 ? "value" : "values"} cannot be right. The fields say which.`, true);
        showWrong(told.wrong); showLists(told);
      } else {
        // Somebody else saved, or the note was signed: from here on the buttons decide.
        dirty = true; stopped = true;
        say(told.message, true);
        if (told.state === "overtaken") {
          const note = el("p", "Press \"Save draft\" to see who saved what and to decide.", "banner bad");
          note.setAttribute("role", "alert");
          form.prepend(note);
        }
      }
    } catch {
      dirty = true; say("Not saved: the server cannot be reached. It is tried again with the next change.", true);
    } finally {
      saving = false;
      if (dirty && pending) { pending = false; later(); }
    }
  }
  let pending = false;
  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => { if (saving) { pending = true; } else { save(); } }, WAIT);
  }
  const touched = (event) => {
    if (event && event.target && event.target.hasAttribute && event.target.hasAttribute("data-paste")) { return; }
    dirty = true;
    if (saving) { pending = true; }
    if (!stopped) { state.textContent = "Not saved yet."; later(); }
  };
  form.addEventListener("input", touched);
  form.addEventListener("change", touched);
  form.addEventListener("submit", () => { leaving = true; clearTimeout(timer); });
  document.addEventListener("liaison:session", () => { if (dirty) { later(); } });
  window.addEventListener("beforeunload", (event) => { if (dirty && !leaving) { event.preventDefault(); } });
  document.addEventListener("visibilitychange", () => { if (document.hidden && dirty && !stopped) { clearTimeout(timer); save(); } });

  // --- Rows --------------------------------------------------------------------------------------------------------
  const rowsOf = (list) => [...list.querySelectorAll("[data-row]")];
  function renumber(row, path, from, to) {
    const swap = (text) => text.replaceAll(`${path}[${from}]`, `${path}[${to}]`);
    for (const part of [row, ...row.querySelectorAll("*")]) {
      for (const name of ["id", "name", "for", "value", "data-computed", "aria-describedby"]) {
        // A typed value is not an address.
        if (name === "value" && part.tagName !== "BUTTON") { continue; }
        if (part.hasAttribute(name)) { part.setAttribute(name, swap(part.getAttribute(name))); }
      }
      const label = part.getAttribute("aria-label");
      if (label) { part.setAttribute("aria-label", label.replace(/(row |, )\d+$/, `$1${to + 1}`)); }
    }
    const legend = row.tagName === "FIELDSET" && row.querySelector(":scope > legend");
    if (legend) { legend.textContent = legend.textContent.replace(/\d+$/, String(to + 1)); }
    row.dataset.row = String(to + 1);
  }
  function clear(row) {
    for (const field of row.querySelectorAll("input, select, textarea")) {
      if (field.type === "checkbox" || field.type === "radio") { field.checked = field.type === "radio" && field.value === ""; } else { field.value = ""; }
      field.removeAttribute("aria-invalid"); field.removeAttribute("aria-describedby");
    }
    for (const note of row.querySelectorAll(".wrong, .was, .unusual")) { note.remove(); }
    for (const shown of row.querySelectorAll("[data-computed]")) { shown.textContent = "not yet"; }
  }
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-add], button[data-remove]");
    if (!button) { return; }
    const list = button.closest("[data-list]"), path = list.dataset.list, rows = rowsOf(list);
    if ("add" in button.dataset) {
      // The first entry comes from the server, which knows its fields.
      if (rows.length === 0) { return; }
      event.preventDefault();
      const last = rows[rows.length - 1], row = last.cloneNode(true);
      clear(row);
      renumber(row, path, rows.length - 1, rows.length);
      last.after(row);
      const first = row.querySelector("input:not([type=hidden]), select, textarea");
      if (first) { first.focus(); }
    } else {
      event.preventDefault();
      const row = button.closest("[data-row]"), at = rows.indexOf(row);
      if (rows.length === 1 && row.tagName === "TR") { clear(row); } else {
        row.remove();
        rows.slice(at + 1).forEach((next, offset) => renumber(next, path, at + 1 + offset, at + offset));
      }
      const stay = rowsOf(list)[Math.max(0, at - 1)];
      const back = stay ? stay.querySelector("input:not([type=hidden]), select, textarea") : list.querySelector("[data-add]");
      if (back) { back.focus(); }
      touched();
    }
  });
})();
