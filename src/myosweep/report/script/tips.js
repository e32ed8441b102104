/** Values in figures: beside the mark that the pointer is near, or that the keyboard has reached. */

const NEAR_PX = 18;

export function showTips(page) {
  enlivenFigures(page.body, JSON.parse(page.getElementById("tips")?.textContent ?? "{}"));
}

/** Let the marks of all figures in `root` say their `texts`, by id. */
export function enlivenFigures(root, texts) {
  const tip = theTip(root.ownerDocument);
  for (const figure of root.querySelectorAll("figure svg")) {
    const marks = [...figure.querySelectorAll("g[id]")].filter((mark) => mark.id in texts);
    if (marks.length) enliven(figure, marks, texts, tip);
  }
}

function theTip(page) {
  const known = page.querySelector("body > .tip");
  if (known) return known;
  const tip = page.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  page.body.append(tip);
  return tip;
}

/** One stop of the Tab key per figure; arrows go from mark to mark. */
function enliven(figure, marks, texts, tip) {
  figure.setAttribute("role", "group");
  marks.forEach((mark, k) => {
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", texts[mark.id]);
    mark.setAttribute("tabindex", k ? -1 : 0);
    mark.addEventListener("focus", () => show(tip, mark, texts[mark.id]));
    mark.addEventListener("blur", () => hide(tip));
    mark.addEventListener("keydown", (event) => step(event, marks, k, tip));
  });
  figure.addEventListener("pointermove", (event) => {
    const mark = nearest(marks, event);
    if (mark) show(tip, mark, texts[mark.id]);
    else hide(tip);
  });
  figure.addEventListener("pointerdown", (event) => {
    const mark = nearest(marks, event);
    if (mark) show(tip, mark, texts[mark.id]);
  });
  figure.addEventListener("pointerleave", () => hide(tip));
}

function step(event, marks, k, tip) {
  if (event.key === "Escape") hide(tip);
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const next = marks[k + (steps[event.key] ?? 0)];
  if (!(event.key in steps)) return;
  event.preventDefault();
  if (!next) return;
  marks[k].setAttribute("tabindex", -1);
  next.setAttribute("tabindex", 0);
  next.focus();
}

function nearest(marks, { clientX, clientY }) {
  let [best, least] = [null, NEAR_PX];
  for (const mark of marks) {
    const { left, right, top, bottom } = mark.getBoundingClientRect();
    const across = Math.max(left - clientX, 0, clientX - right);
    const distance = Math.hypot(across, Math.max(top - clientY, 0, clientY - bottom));
    if (distance < least) [best, least] = [mark, distance];
  }
  return best;
}

function middle(mark) {
  const { left, top, width, height } = mark.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}

function show(tip, mark, text) {
  tip.textContent = text;
  tip.hidden = false;
  const [x, y] = middle(mark);
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(Math.max(x - width / 2, 8), document.documentElement.clientWidth - width - 8);
  const above = y - height - 14;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : y + 14}px`;
}

function hide(tip) {
  tip.hidden = true;
}
