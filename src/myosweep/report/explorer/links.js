/** Rows of tables that are about a slice or a patient lead to the explorer. */

export function linkRows(page, index) {
  const addresses = new Map();
  for (const { patient } of index.slices) {
    addresses.set(patient, `#explorer?${new URLSearchParams({ patient })}`);
  }
  for (const { key } of index.slices) {
    addresses.set(key, `#explorer?${new URLSearchParams({ slice: key })}`);
  }
  for (const head of page.querySelectorAll('main tbody th[scope="row"]')) {
    const address = addresses.get(head.textContent.trim());
    if (!address) continue;
    const link = page.createElement("a");
    link.href = address;
    link.append(...head.childNodes);
    head.append(link);
  }
}
