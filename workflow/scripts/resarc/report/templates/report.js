(() => {
  "use strict";
  const value = (cell) => {
    const text = cell.textContent.trim();
    const number = /^[<>≤≥]?\s*[−-]?\d[\d,]*(\.\d+)?/.exec(text);
    return number ? Number(number[0].replace(/[<>≤≥\s,]/g, "").replace("−", "-")) : text.toLowerCase();
  };
  const compare = (a, b) =>
    typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows].map((row, i) => [value(row.cells[column]), i, row]);
        rows.sort((a, b) => (down ? -1 : 1) * compare(a[0], b[0]) || a[1] - b[1]);
        table.tBodies[0].append(...rows.map((row) => row[2]));
      });
    });
  }
  if (navigator.clipboard) {
    for (const cell of document.querySelectorAll("td.copied")) {
      const text = cell.textContent.trim();
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.setAttribute("aria-label", `Copy: ${text}`);
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
      cell.append(button);
    }
  }
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
  });
})();
