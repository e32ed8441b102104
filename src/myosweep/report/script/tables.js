/** Tables that sort by a click on a column's head, and that can be saved as CSV. */

const ORDERS = { none: "ascending", ascending: "descending", descending: "none" };

export function makeSortable(table) {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const bodies = [...table.tBodies].map((body) => ({ body, rows: [...body.rows] }));
  const widths = heads.map((head) => head.colSpan);
  const simple = widths.every((width) => width === 1);
  if (simple && bodies.some(({ rows }) => rows.length > 2)) {
    heads.forEach((head, column) => {
      if (head.textContent.trim()) addSort(heads, head, column, bodies);
    });
  }
  addSave(table);
}

function addSort(heads, head, column, bodies) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sort";
  button.append(...head.childNodes);
  head.append(button);
  head.setAttribute("aria-sort", "none");
  button.addEventListener("click", () => {
    const order = ORDERS[head.getAttribute("aria-sort")];
    for (const one of heads) if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", order);
    for (const { body, rows } of bodies) body.append(...sorted(rows, column, order));
  });
}

/** Rows in order; a group's title stays first, cells without a number or text last. */
function sorted(rows, column, order) {
  if (order === "none") return rows;
  const titles = rows.filter((row) => row.cells.length <= column);
  const keyed = rows.filter((row) => row.cells.length > column)
    .map((row) => ({ row, key: keyOf(row.cells[column]) }));
  const sign = order === "ascending" ? 1 : -1;
  keyed.sort((a, b) => (a.key === null) - (b.key === null) || sign * compare(a.key, b.key));
  return [...titles, ...keyed.map(({ row }) => row)];
}

/** A cell's number if it begins with one, else its words; null if it says nothing. */
function keyOf(cell) {
  const text = plain(cell);
  if (["", "–", "undefined"].includes(text)) return null;
  const number = text.match(/^[-+]?\d+(\.\d+)?(e[-+]?\d+)?/);
  return number ? Number(number[0]) : text;
}

function compare(a, b) {
  if (a === null || b === null) return 0;
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}

/** A cell's text, with a minus that programs read. */
function plain(cell) {
  return cell.textContent.trim().replace(/\s+/g, " ").replace(/−(?=[\d.])/g, "-");
}

function addSave(table) {
  const frame = table.closest(".scroll");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tool";
  button.textContent = "Save as CSV";
  const name = (table.caption?.querySelector("b")?.textContent ?? "table").replace(/\.$/, "");
  button.setAttribute("aria-label", `Save as CSV: ${name}`);
  button.addEventListener("click", () => save(csv(table), `${fileName(name)}.csv`));
  frame.after(button);
}

function fileName(name) {
  const study = document.querySelector('meta[name="study"]')?.content ?? "myosweep";
  return `${study} ${name}`.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

/** The table as it stands: heads of columns in one row, titles of groups in a column of their own. */
export function csv(table) {
  const grouped = table.querySelector("tr.group") !== null;
  const lines = [[...(grouped ? [""] : []), ...headsOf(table)]];
  for (const body of table.tBodies) {
    const title = body.querySelector("tr.group");
    for (const row of body.rows) {
      if (row === title) continue;
      lines.push([...(grouped ? [title ? plain(title.cells[0]) : ""] : []), ...[...row.cells].map(plain)]);
    }
  }
  return lines.map((line) => line.map(quoted).join(",")).join("\r\n") + "\r\n";
}

function headsOf(table) {
  const rows = [...table.tHead.rows].map((row) =>
    [...row.cells].flatMap((cell) => Array(cell.colSpan).fill(plain(cell))));
  return rows[rows.length - 1].map((_, k) => rows.map((row) => row[k]).filter(Boolean).join(": "));
}

/** No program takes a cell for a formula. */
function quoted(text) {
  const safe = /^[=@\t]|^[-+](?![\d.])/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

/** The mark in front tells spreadsheets that this is UTF-8. */
function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
