// On a phone a wide table is read row by row: each cell is told by the head of its column (backoffice.css).
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".bo-scroll > .bo-table")) {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim()).map((text) => text.charAt(0).toUpperCase() + text.slice(1));
    if (heads.length < 3) continue;
    for (const row of table.tBodies[0]?.rows ?? []) {
      if (row.cells.length !== heads.length) continue;
      [...row.cells].forEach((cell, column) => {
        cell.dataset.label = heads[column];
        cell.classList.toggle("bo-void", !cell.textContent.trim() && !cell.querySelector("input, img, select"));
      });
    }
    table.classList.add("bo-cards");
  }
});
