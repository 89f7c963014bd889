// What a reader can do with the page: sort, filter, copy and download tables; read curves off, switch
// groups, sort ranges. The page says everything without it. It loads nothing and keeps nothing.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  const make = (tag, attributes = {}, ...content) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...content);
    return element;
  };
  const button = (words, label, act) => {
    const made = make("button", { type: "button" }, words);
    if (label) made.setAttribute("aria-label", label);
    made.addEventListener("click", () => act(made));
    return made;
  };
  const labelled = (words, control) => make("label", {}, words, control);
  const choice = (options) => make("select", {}, ...options.map(([value, words]) => make("option", { value }, words)));
  const say = (element, words) => { if (element.textContent !== words) element.textContent = words; };

  // -- what leaves the page ---------------------------------------------------------------------

  // A cell that a spreadsheet would run as a formula is made text, as in all CSV files of Resarc.
  const NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$/;
  const guarded = (text) => (/^[=+\-@\t\r\n]/.test(text) && !NUMBER.test(text) ? `'${text}` : text);
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const csv = (rows) => rows.map((row) => row.map((cell) => quoted(guarded(cell))).join(",")).join("\r\n") + "\r\n";
  const tsv = (rows) => rows.map((row) => row.map((cell) => guarded(cell.replace(/[\t\r\n]+/g, " "))).join("\t")).join("\n");
  const download = (name, rows) => {
    const address = URL.createObjectURL(new Blob(["\ufeff", csv(rows)], { type: "text/csv;charset=utf-8" }));
    make("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  };
  const copy = async (text) => {
    if (navigator.clipboard) {
      try { return await navigator.clipboard.writeText(text); } catch { /* not allowed: the old way */ }
    }
    const area = make("textarea", { "aria-hidden": "true", tabindex: "-1" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  const copier = (label, text) => button("Copy", label, async (made) => {
    await copy(text());
    made.textContent = "Copied";
    setTimeout(() => { made.textContent = "Copy"; }, 2000);
  });
  const study = document.documentElement.dataset.study;
  const tools = (block, number, rows, copied) => {
    const place = make("div", { class: "tools" });
    if (copied) place.append(copier(`Copy ${number}`, () => tsv(rows())));
    place.append(button("Download CSV", `Download the data of ${number} as CSV`, () => download(`${study}-${block.id}.csv`, rows())));
    block.querySelector(".margin").append(place);
  };
  const numberOf = (block) => block.querySelector(".number").textContent.replace(/\.$/, "");

  // -- tables -----------------------------------------------------------------------------------

  const words = (cell) => {
    const found = cell.cloneNode(true);
    all(".unseen", found).forEach((part) => part.remove());
    if (cell.tagName === "TD") all("button", found).forEach((part) => part.remove());
    all("sup", found).forEach((part) => part.replaceWith(` [${part.textContent}]`));
    all(".mark", found).forEach((part) => part.replaceWith(` ${part.textContent}`));
    return found.textContent.replace(/\s+/g, " ").trim();
  };
  const value = (cell) => {
    const text = words(cell);
    const number = cell.tagName === "TD" && /^[<>≤≥]?\s*[−-]?\d[\d,]*(\.\d+)?/.exec(text);
    return number ? Number(number[0].replace(/[<>≤≥\s,]/g, "").replace("−", "-")) : text.toLowerCase();
  };
  const compare = (a, b) =>
    typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
  const bodyRows = (body) => [...body.rows].filter((row) => !row.classList.contains("group"));

  for (const block of all(".block.table")) {
    const table = block.querySelector("table");
    const number = numberOf(block);
    const heads = [...table.tHead.rows[0].cells];
    const names = heads.map(words);
    const badge = block.querySelector("caption .badge");
    const grouped = all("tr.group", table).length > 0;
    for (const cell of all("td.copied", table)) {
      const text = cell.textContent.trim();
      cell.append(copier(`Copy: ${text}`, () => text));
    }
    const status = make("output", { class: "count" });

    heads.forEach((head, column) => {
      const sorter = button("", "", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        for (const body of table.tBodies) {
          const rows = bodyRows(body).map((row, i) => [value(row.cells[column]), i, row]);
          rows.sort((a, b) => (down ? -1 : 1) * compare(a[0], b[0]) || a[1] - b[1]);
          body.append(...rows.map((row) => row[2]));
        }
      });
      sorter.append(...head.childNodes);
      head.append(sorter);
    });

    tools(block, number, () => {
      const rows = [[...(grouped ? ["Group"] : []), ...names, ...(badge ? ["Origin"] : [])]];
      for (const body of table.tBodies) {
        const group = body.querySelector("tr.group");
        for (const row of bodyRows(body)) {
          if (row.hidden) continue;
          const before = grouped ? [group ? words(group) : ""] : [];
          rows.push([...before, ...[...row.cells].map(words), ...(badge ? [badge.textContent] : [])]);
        }
      }
      return rows;
    }, true);

    const chosen = heads.map((head, i) => i).filter((i) => "chosen" in heads[i].dataset);
    const count = [...table.tBodies].reduce((n, body) => n + bodyRows(body).length, 0);
    if (count < 2 || (!chosen.length && count < 25)) continue;
    const search = make("input", { type: "search", size: "18", autocomplete: "off" });
    const selects = chosen.map((column) => {
      const values = new Set([...table.tBodies].flatMap((body) => bodyRows(body).map((row) => words(row.cells[column]))));
      return choice([["", "all"], ...[...values].map((v) => [v, v])]);
    });
    const filter = () => {
      const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const body of table.tBodies) {
        let here = 0;
        for (const row of bodyRows(body)) {
          const text = row.textContent.toLowerCase();
          row.hidden = !(wanted.every((word) => text.includes(word))
            && chosen.every((column, i) => !selects[i].value || words(row.cells[column]) === selects[i].value));
          here += !row.hidden;
        }
        const group = body.querySelector("tr.group");
        if (group) group.hidden = !here;
        shown += here;
      }
      say(status, shown === count ? `${count} rows` : `${shown} of ${count} rows`);
    };
    search.addEventListener("input", filter);
    selects.forEach((select) => select.addEventListener("change", filter));
    const bar = make("div", { class: "tools above", role: "group", "aria-label": `Choose rows of ${number}` },
      labelled("Contains", search), ...chosen.map((column, i) => labelled(names[column], selects[i])), status);
    block.querySelector(".scroll").before(bar);
    filter();
  }

  // -- figures ----------------------------------------------------------------------------------

  const percent = (x) => (100 * x).toFixed(1);
  const range = (low, high, show, unit) =>
    show(low) === show(high) ? `${show(low)}${unit}` : `${show(low)} to ${show(high)}${unit}`;
  const months = (t) => `${Number(t.toFixed(1))} month${t === 1 ? "" : "s"}`;

  // Survival of one curve at a time, in words; columns as the data name them.
  const reading = (curve, at, t, ends) => {
    const rows = curve.rows;
    if (t > rows[rows.length - 1][at.months]) return "nobody is followed so long";
    let i = rows.findIndex((row) => row[at.months] > t);
    const row = rows[i < 0 ? rows.length - 1 : i - 1];
    i = rows.findIndex((other) => other[at.months] >= t);
    const risk = rows[i];
    const around = row[at.lower] === null ? "" : range(row[at.lower], row[at.upper], percent, "%");
    const survival = row[at.survival] === null ? `${around} (${ends})` : `${percent(row[at.survival])}%${around && ` (${ends} ${around})`}`;
    const low = risk[at["at risk, lowest"]];
    return low === null ? survival : `${survival}; at risk ${range(low, risk[at["at risk, highest"]], String, "")}`;
  };

  const curves = (block, figure, number) => {
    const svg = block.querySelector("svg");
    const { columns, parts, ends } = figure.data;
    const lead = parts[0].names.length;
    const at = Object.fromEntries(columns.slice(lead).map((name, i) => [name, i]));
    let first = 0;
    const panels = figure.panels.map((panel, p) => {
      const own = parts.slice(first, (first += panel.curves));
      return { ...panel, own, p, on: own.map(() => true) };
    });
    let panel = panels[0];
    const longest = Math.max(...panels.map((one) => one.limit));
    const slider = make("input", { type: "range", min: "0", max: String(Math.floor(longest) || longest), step: longest < 24 ? "0.1" : "1", value: "0" });
    const output = make("output");
    const groups = make("div", { class: "row", role: "group", "aria-label": "Groups shown" });
    const cursor = document.createElementNS(SVG, "line");
    cursor.setAttribute("class", "cursor");
    svg.append(cursor);
    const show = () => {
      const t = Number(slider.value);
      slider.setAttribute("aria-valuetext", months(t));
      const x = panel.left + (panel.width * Math.min(t, panel.limit)) / panel.limit;
      for (const [name, place] of Object.entries({ x1: x, x2: x, y1: panel.top, y2: panel.top + panel.height })) cursor.setAttribute(name, place);
      const lines = panel.own.map((curve, g) => panel.on[g] && `${curve.names[1]}: ${reading(curve, at, t, ends)}`).filter(Boolean);
      const title = panels.length > 1 ? `${panel.title}, ` : "";
      output.replaceChildren(...[`${title}at ${months(t)}`, ...lines].map((line) => make("span", {}, line)));
    };
    const offer = () => {
      groups.replaceChildren(...(panel.own.length < 2 ? [] : panel.own.map((curve, g) => {
        const box = make("input", { type: "checkbox" });
        box.checked = panel.on[g];
        box.addEventListener("change", () => {
          panel.on[g] = box.checked;
          for (const part of all(`[id^="${block.id}-curve-${panel.p}-${g}-"]`, svg)) part.classList.toggle("off", !box.checked);
          show();
        });
        return make("label", {}, box, curve.names[1]);
      })));
    };
    const which = choice(panels.map((one) => [String(one.p), one.title]));
    const go = (p) => { if (panel !== panels[p]) { panel = panels[p]; which.value = String(p); offer(); } };
    which.addEventListener("change", () => { go(Number(which.value)); show(); });
    slider.addEventListener("input", show);
    let waiting = false;
    svg.addEventListener("pointermove", (event) => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
        const found = panels.find((one) => point.x >= one.left && point.x <= one.left + one.width && point.y >= one.top && point.y <= one.top + one.height);
        if (!found) return;
        go(found.p);
        slider.value = String(((point.x - found.left) / found.width) * found.limit);
        show();
      });
    });
    const ask = make("fieldset", { class: "ask" }, make("legend", {}, `Read ${number}: point at a curve, or move the time`));
    if (panels.length > 1) ask.append(make("div", { class: "row" }, make("label", {}, "Curves", which)));
    ask.append(make("div", { class: "row" }, make("label", {}, "Time", slider)), groups, output);
    block.querySelector("figcaption").before(ask);
    offer();
    show();
  };

  const lines = (block, figure, number) => {
    const { columns, parts, logarithmic } = figure.data;
    const lead = parts[0].names.length;
    const at = Object.fromEntries(columns.slice(lead).map((name, i) => [name, i]));
    const rows = parts.flatMap((part) => part.rows);
    const end = (x, open) => (x === null ? open : Number(String(x).replace("inf", "Infinity")));
    const low = (i) => end(rows[i][at.lower], logarithmic ? 0 : -Infinity);
    const high = (i) => end(rows[i][at.upper], Infinity);
    const width = (i) => (logarithmic ? Math.log(high(i) / low(i)) : high(i) - low(i));
    const keys = {
      "": (i) => i, narrow: width, wide: (i) => -width(i), low, high: (i) => -high(i),
      name: (i) => rows[i][at.row].toLowerCase(),
    };
    const order = choice([["", "as printed here"], ["narrow", "narrowest first"], ["wide", "widest first"],
      ["low", "lowest first"], ["high", "highest first"], ["name", "by name"]]);
    const output = make("output", { class: "count" });
    const tops = [];
    figure.lines.reduce((y, line, i) => { tops[i] = y; return y + line.height; }, 0);
    order.addEventListener("change", () => {
      const key = keys[order.value];
      let start = 0;
      const first = [];
      for (const part of parts) {
        const here = part.rows.map((_, i) => start + i);
        const free = here.filter((i) => !figure.lines[i].fixed).sort((a, b) => compare(key(a), key(b)) || a - b);
        const sorted = [...free, ...here.filter((i) => figure.lines[i].fixed)];
        let y = tops[here[0]];
        for (const i of sorted) {
          for (const drawn of all(`[id^="${block.id}-line-${i}-"]`, block)) drawn.setAttribute("transform", `translate(0 ${(y - tops[i]).toFixed(2)})`);
          y += figure.lines[i].height;
        }
        if (sorted.length > 1) first.push(`${part.names[0] ? `${part.names[0]}: ` : ""}${rows[sorted[0]][at.row]}`);
        start += part.rows.length;
      }
      say(output, `${order.selectedOptions[0].textContent}; first ${first.join("; ")}`);
    });
    const ask = make("fieldset", { class: "ask" }, make("legend", {}, `Order of ${number}`), make("label", {}, "Ranges", order), output);
    block.querySelector("figcaption").before(ask);
  };

  for (const block of all("figure.block")) {
    const script = block.querySelector('script[type="application/json"]');
    if (!script) continue;
    const figure = JSON.parse(script.textContent);
    const number = numberOf(block);
    const cell = (x) => (x === null ? "" : String(x));
    tools(block, number, () => [
      figure.data.columns,
      ...figure.data.parts.flatMap((part) => part.rows.map((row) => [...part.names, ...row.map(cell)])),
    ], false);
    if (figure.panels.length) curves(block, figure, number);
    if (figure.lines.length > 1) lines(block, figure, number);
  }

  // -- the page ---------------------------------------------------------------------------------

  const folds = all("details");
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    all(":scope > .body > details, :scope > details", target).forEach((fold) => { fold.open = true; });
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  const fold = (open) => all("details.section").forEach((section) => { section.open = open; });
  const contents = document.querySelector("nav ol");
  contents.before(make("div", { class: "tools" }, button("Fold all", "Fold all sections", () => fold(false)), button("Unfold all", "Unfold all sections", () => fold(true))));
  // Of a long list, the tables and figures of the section that is being read.
  document.querySelector("nav").classList.add("live");
  const entries = new Map(all("nav > ol > li > a").map((a) => [a.getAttribute("href").slice(1), a]));
  const seen = new IntersectionObserver((found) => {
    for (const entry of found) {
      if (!entry.isIntersecting) continue;
      all("nav a[aria-current]").forEach((a) => a.removeAttribute("aria-current"));
      entries.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "0px 0px -75% 0px" });
  all("main section").forEach((section) => seen.observe(section));
  let closed = [];
  addEventListener("beforeprint", () => { closed = folds.filter((one) => !one.open); folds.forEach((one) => { one.open = true; }); });
  addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));
})();
