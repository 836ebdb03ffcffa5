"use strict";
(() => {
  const table = document.getElementById("per-image");
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[1].cells);
  const rows = Array.from(body.rows);

  const text = new Intl.Collator(undefined, { numeric: true });
  function value(row, column) {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent;
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  }

  function sort(column, direction) {
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = rows.map((row) => [value(row, column), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "string" ? text.compare(a, b) : a - b);
    });
    body.append(...keyed.map(([, row]) => row));
    for (const head of heads) if (head.hasAttribute("aria-sort")) head.setAttribute("aria-sort", "none");
    heads[column].setAttribute("aria-sort", direction);
  }

  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const other = now === "ascending" ? "descending" : "ascending";
      sort(column, now === "none" ? button.dataset.first : other);
    });
  });

  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      row.hidden = !row.cells[0].querySelector("bdi").textContent.toLowerCase().includes(wanted);
      count += row.hidden ? 0 : 1;
    }
    shown.value = count === rows.length ? `${count} images` : `${count} of ${rows.length} images`;
  });
})();
