"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const PAGE = 100;

  // ---------------------------------------------------------------------------------------------- theme
  const themes = { "": "as the system", light: "light", dark: "dark" };
  const theme = at("theme");
  const setTheme = (name) => {
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
    theme.textContent = `Theme: ${themes[name]}`;
  };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const names = Object.keys(themes);
    setTheme(names[(names.indexOf(document.documentElement.dataset.theme || "") + 1) % names.length]);
  });

  // ---------------------------------------------------------------------------------------------- charts
  const tip = at("tip");
  document.addEventListener("pointermove", (event) => {
    const mark = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.dataset.tip;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 10 : event.clientY + 18}px`;
  });

  // ---------------------------------------------------------------------------------------------- data
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(at(id).textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const sums = (steps) => {
    let last = 0;
    return steps.map((step) => (last += step));
  };
  const named = (number) => `A${String(number).padStart(6, "0")}`;
  const node = (tag, text, name) => {
    const made = document.createElement(tag);
    if (text !== undefined && text !== null) made.textContent = text;
    if (name) made.className = name;
    return made;
  };

  let rows = [];
  let dropped = new Map();
  const lines = new Map();

  const load = async () => {
    const index = JSON.parse(await unpack("data-index"));
    const numbers = sums(index.steps);
    for (const [rule, steps] of Object.entries(index.dropped)) for (const n of sums(steps)) dropped.set(n, rule);
    for (const line of (await unpack("data-records")).split("\n")) {
      const found = /^\{"id":"A0*(\d+)"/.exec(line);
      if (found) lines.set(Number(found[1]), line);
    }
    rows = numbers.map((number, i) => ({
      number,
      id: named(number),
      name: index.names[i],
      low: index.names[i].toLowerCase(),
      outcome: index.endings[index.ending[i]][0],
      reason: index.endings[index.ending[i]][1],
      rounds: index.rounds[i],
      whole: lines.has(number),
    }));
  };

  // ---------------------------------------------------------------------------------------------- list
  const list = at("list");
  const record = at("record");
  let current = null;
  let found = [];
  let shown = 0;

  const option = (select, value, text) => {
    const made = node("option", text);
    made.value = value;
    select.append(made);
  };
  const choices = (select, values, words) => {
    const counts = new Map();
    for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
    const sorted = [...counts].sort((a, b) => b[1] - a[1]);
    for (const [value, count] of sorted) option(select, value, `${words(value)} (${count.toLocaleString("en")})`);
  };

  const search = () => {
    const text = at("q").value.trim().toLowerCase();
    const number = /^a?0*(\d+)$/.exec(text);
    const words = text.split(/\s+/).filter(Boolean);
    const outcome = at("f-outcome").value;
    const reason = at("f-reason").value;
    const rounds = at("f-rounds").value;
    const whole = at("f-whole").checked;
    const wanted = number ? Number(number[1]) : null;
    found = rows.filter(
      (row) =>
        (!outcome || row.outcome === outcome) &&
        (!reason || row.reason === reason) &&
        (!rounds || row.rounds === Number(rounds)) &&
        (!whole || row.whole) &&
        (!words.length || row.number === wanted || words.every((word) => row.low.includes(word))),
    );
    if (wanted !== null) found.sort((a, b) => (b.number === wanted) - (a.number === wanted));
    shown = 0;
    list.replaceChildren();
    more();
    let said = `${found.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} sequences`;
    if (wanted !== null && dropped.has(wanted)) said += `. ${named(wanted)} was dropped by the rule ${dropped.get(wanted)} of the plan.`;
    at("count").textContent = said;
  };

  const more = () => {
    for (const row of found.slice(shown, shown + PAGE)) {
      const button = node("button");
      button.type = "button";
      button.dataset.number = row.number;
      button.setAttribute("aria-current", String(row.number === current));
      button.append(node("span", row.id, "id"));
      button.append(node("span", row.outcome === "accepted" ? "accepted" : row.reason, `end ${row.outcome}`));
      button.append(node("span", row.name, "name"));
      if (!row.whole) button.append(node("span", "not in this page", "name"));
      const item = node("li");
      item.append(button);
      list.append(item);
    }
    shown = Math.min(found.length, shown + PAGE);
    at("more").hidden = shown >= found.length;
  };

  // ---------------------------------------------------------------------------------------------- record
  const titled = (title, ...parts) => {
    record.append(node("h4", title));
    for (const part of parts) record.append(part);
  };
  const folded = (title, part) => {
    const details = node("details");
    details.append(node("summary", title), part);
    return details;
  };
  const table = (heads, cells) => {
    const made = node("table");
    const head = made.createTHead().insertRow();
    for (const text of heads) {
      const cell = node("th", text);
      cell.scope = "col";
      head.append(cell);
    }
    const body = made.createTBody();
    for (const values of cells) {
      const row = body.insertRow();
      for (const value of values) row.insertCell().textContent = value;
    }
    const scroll = node("div", undefined, "scroll");
    scroll.append(made);
    return scroll;
  };
  const diff = (changes) => {
    const pre = node("pre");
    for (const line of changes) {
      const kind = { "+": " add", "-": " del", "@": " at" }[line[0]] || "";
      pre.append(node("span", line || " ", `diff${kind}`));
    }
    return pre;
  };

  const open = (number, focus) => {
    current = number;
    for (const button of list.querySelectorAll("button"))
      button.setAttribute("aria-current", String(Number(button.dataset.number) === number));
    record.hidden = false;
    record.replaceChildren();
    const line = lines.get(number);
    if (line) write(JSON.parse(line));
    else {
      const row = rows.find((one) => one.number === number);
      record.append(node("h3", named(number)));
      if (row) record.append(node("p", `${row.name}\n${row.outcome} ${row.reason}`));
      const why = row
        ? "It is in the run, but not in this page."
        : dropped.has(number)
          ? `It was dropped by the rule ${dropped.get(number)} of the plan: nothing was asked or run.`
          : "This run has no outcome of it.";
      record.append(node("p", `${why}${row ? ` See it with: python jobs/show.py --run … ${named(number)}` : ""}`));
    }
    const back = node("button", "Back to the list");
    back.type = "button";
    back.addEventListener("click", leave);
    record.append(back);
    if (focus) {
      record.focus({ preventScroll: true });
      const top = record.getBoundingClientRect().top;
      if (top < 60 || top > innerHeight * 0.6) record.scrollIntoView({ block: "start" });
    }
  };

  const leave = () => {
    const button = list.querySelector("button[aria-current=true]") || at("q");
    button.focus();
    button.scrollIntoView({ block: "nearest" });
  };

  const write = (one) => {
    const head = node("h3");
    const link = node("a", one.id);
    link.href = `https://oeis.org/${one.id}`;
    link.rel = "noreferrer";
    head.append(link, ` ${one.name}`);
    record.append(head);
    const tags = node("div");
    const end = one.outcome === "accepted" ? "accepted" : `${one.outcome}: ${one.reason} (${one.stage})`;
    tags.append(node("span", end, `tag ${one.outcome}`));
    for (const text of [one.agents, `split ${one.split}`, `attempt ${one.attempt}`, ...one.keywords]) tags.append(node("span", text, "tag"));
    record.append(tags);
    if (one.detail) record.append(node("p", one.detail));
    for (const text of one.earlier) record.append(node("p", `before: ${text}`));
    const rest = one.listed > one.terms.length ? `, … (${one.listed} listed)` : "";
    titled("Terms", node("p", `${one.terms.join(", ")}${rest}`), node("p", `offset ${one.offset === null ? "not known" : one.offset}; family ${one.family}`));
    if (one.screening) {
      const said = one.screening;
      titled(
        `Filter: ${said.keep ? "kept" : "dropped"}`,
        node("p", said.reason),
        node("p", `First answer: ${said.kept_at_first ? "keep" : "drop"}. ${said.first_reason}`),
        node("p", `Reflection: ${said.reflection}`),
        folded("Plan", node("p", said.plan)),
      );
    }
    if (one.problem) {
      const told = one.problem;
      titled("Problem", node("p", told.description), node("p", `Input: ${told.input}`), node("p", `Output: ${told.output}`));
      record.append(table(["example input", "output", "explanation"], told.examples));
      const right = one.cases ? one.cases.examples.map((pair) => pair[1]) : [];
      if (one.validated.length) record.append(node("p", `Validator worked out: ${one.validated.join(", ")}${right.length ? ` (true: ${right.join(", ")})` : ""}`));
    }
    if (one.cases) {
      const cases = one.cases;
      titled("Cases", table(["", "input", "output"], [...cases.hidden.map((pair) => ["hidden", ...pair]), ...cases.far.map((pair) => ["far", ...pair])]));
      if (cases.far_total > cases.far.length) record.append(node("p", `and ${cases.far_total - cases.far.length} further far cases`));
    }
    for (const round of one.rounds) {
      const title = round.number ? `Program of round ${round.number}${round.fresh ? ", begun afresh" : ""}` : "First program";
      titled(`${title}: ${round.verdict}`);
      if (round.diff && round.diff.length) {
        record.append(node("p", "What changed:"), diff(round.diff), folded("The whole program", node("pre", round.source)));
      } else {
        if (round.diff) record.append(node("p", "The same program as before."));
        record.append(node("pre", round.source));
      }
      if (round.process) record.append(folded("Process", node("p", round.process)));
      if (round.others) record.append(node("p", `${round.others} other candidates were judged beside it.`));
      if (round.failing) {
        const failing = round.failing;
        record.append(table(["failed on input", "expected", "got"], [[failing.input, failing.expected, failing.got]]));
        if (failing.message) record.append(node("pre", failing.message));
      }
      if (round.analysis) record.append(node("p", `Why it gives that: ${round.analysis.why}`), node("p", `What is wrong: ${round.analysis.wrong}`));
    }
    if (one.acceptance) {
      const checks = one.acceptance;
      const said = [["far cases", checks.far], ["their verdict", checks.far_verdict], ["look-up table", checks.lookup_table || "no"], ["second run", checks.rerun], ["mutants", checks.mutants]];
      titled("Beyond the hidden cases", table(["check", "what it found"], said.filter((row) => row[1])));
    }
    if (one.paraphrases.length) titled("Paraphrases", ...one.paraphrases.map((text) => node("p", text)));
    if (one.calls.length) {
      const heads = ["stage", "round", "model", "prompt", "answer", "seconds", "requests", "cached"];
      titled("Calls", table(heads, one.calls.map((call) => [...call.slice(0, 7), call[7] ? "yes" : ""])));
    }
  };

  // ---------------------------------------------------------------------------------------------- keys
  const go = (focus) => {
    const asked = /^#A0*(\d+)$/.exec(location.hash);
    if (asked) open(Number(asked[1]), focus);
  };
  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = document.activeElement.matches("select, input:not([type=checkbox])");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      at("q").focus();
      at("records").scrollIntoView();
    } else if (event.key === "Escape" && record.contains(document.activeElement)) leave();
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && list.contains(document.activeElement)) {
      const item = document.activeElement.parentElement;
      const next = event.key === "ArrowDown" ? item.nextElementSibling : item.previousElementSibling;
      if (next) {
        event.preventDefault();
        next.firstElementChild.focus();
      }
    }
  };

  const begin = async () => {
    await load();
    choices(at("f-outcome"), rows.map((row) => row.outcome), (value) => value);
    choices(at("f-reason"), rows.filter((row) => row.outcome !== "accepted").map((row) => row.reason), (value) => value);
    for (const rounds of [...new Set(rows.map((row) => row.rounds))].sort((a, b) => a - b)) option(at("f-rounds"), rounds, rounds);
    at("explorer").hidden = false;
    at("filters").addEventListener("submit", (event) => event.preventDefault());
    at("filters").addEventListener("input", search);
    at("more").addEventListener("click", more);
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const hash = `#${named(Number(button.dataset.number))}`;
      if (location.hash === hash) go(true);
      else location.hash = hash;
    });
    document.addEventListener("keydown", keys);
    addEventListener("hashchange", () => go(true));
    search();
    go(true);
    document.documentElement.dataset.ready = "yes";
  };
  const start = () =>
    begin().catch((error) => {
      at("trouble").hidden = false;
      at("trouble").textContent = `The list cannot be shown: ${error}. It needs a browser that knows DecompressionStream (since 2023).`;
    });
  // After the first paint: what is above does not wait for the list.
  requestAnimationFrame(() => setTimeout(start, 0));
})();
