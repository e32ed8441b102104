/** On paper nothing can be unfolded: parts of moderate length are opened while the page prints. */

const MOST_ROWS = 40;

export function openForPrint(page) {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...page.querySelectorAll("main details:not([open])")].filter(
      (part) => !part.closest("[data-explorer]") &&
        part.querySelectorAll("tbody tr").length <= MOST_ROWS);
    for (const part of opened) part.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
    opened = [];
  });
}
