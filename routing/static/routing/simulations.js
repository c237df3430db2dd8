// Simulations that wait or run show how far they are; the report comes when one has ended.
const EVERY_MS = 1500;
const number = new Intl.NumberFormat(document.documentElement.lang || "en");

function show(cell, now) {
  cell.querySelector("progress").value = now.progress;
  cell.querySelector("[data-orders]").textContent = `${number.format(now.orders_done)} / ${number.format(now.orders_total)}`;
  if (cell.dataset.status === now.status) return;
  cell.dataset.status = now.status;
  const [word, tone, icon] = JSON.parse(cell.dataset.looks)[now.status];
  const head = document.querySelector(`[data-report-of="${cell.dataset.simulation}"] .bo-title .bo-badge`);
  for (const badge of [cell.querySelector(".bo-badge"), head].filter(Boolean)) {
    badge.className = `bo-badge bo-${tone}`;
    badge.querySelector(".material-symbols-outlined").textContent = icon;
    badge.lastChild.textContent = word;
  }
}

async function refresh(cell) {
  const answer = await fetch(cell.dataset.simulation, { credentials: "same-origin", headers: { Accept: "application/json" } });
  if (!answer.ok) return; // the session has ended, or the server is busy: what is shown stays
  const now = await answer.json();
  const address = cell.dataset.simulation;
  show(cell, now);
  if (!now.finished_at) return;
  cell.removeAttribute("data-simulation");
  if (document.querySelector(`[data-report-of="${address}"]`)) location.reload();
}

async function refreshAll() {
  if (!document.hidden) {
    for (const cell of document.querySelectorAll("[data-simulation]")) await refresh(cell).catch(() => {});
  }
  if (document.querySelector("[data-simulation]")) setTimeout(refreshAll, EVERY_MS);
}

refreshAll();
