// Files of stock that wait or run show how far they are: the API is asked, the page stays where it is.
const EVERY_MS = 1500;
const number = new Intl.NumberFormat(document.documentElement.lang || "en");

function showStatus(cell, status) {
  if (cell.dataset.status === status) return;
  cell.dataset.status = status;
  const [word, tone, icon] = JSON.parse(cell.dataset.looks)[status];
  for (const badge of document.querySelectorAll(`[data-badge-of="${cell.dataset.import}"] .bo-badge`)) wear(badge, word, tone, icon);
  wear(cell.querySelector(".bo-badge"), word, tone, icon);
}

function wear(badge, word, tone, icon) {
  badge.className = `bo-badge bo-${tone}`;
  badge.querySelector(".material-symbols-outlined").textContent = icon;
  badge.lastChild.textContent = word;
}

function show(cell, now) {
  cell.querySelector("progress").value = now.progress;
  if (now.rows_total !== null) {
    cell.querySelector("[data-rows]").textContent = `${number.format(now.rows_done)} / ${number.format(now.rows_total)}`;
  }
  showStatus(cell, now.status);
  if (!document.querySelector(`[data-page-of="${cell.dataset.import}"]`)) return;
  for (const figure of document.querySelectorAll("[data-figure]")) {
    const value = now[figure.dataset.figure];
    if (value !== null) figure.textContent = number.format(value);
  }
  for (const part of document.querySelectorAll("[data-while]")) {
    part.hidden = !part.dataset.while.split(" ").includes(now.status);
  }
}

async function refresh(cell) {
  const answer = await fetch(cell.dataset.import, { credentials: "same-origin", headers: { Accept: "application/json" } });
  if (!answer.ok) return; // the session has ended, or the server is busy: what is shown stays
  const now = await answer.json();
  show(cell, now);
  if (!now.finished_at) return;
  cell.removeAttribute("data-import");
  if (document.querySelector("[data-page-of]")) location.reload(); // what was rejected stands there now, too
}

async function refreshAll() {
  if (!document.hidden) {
    for (const cell of document.querySelectorAll("[data-import]")) await refresh(cell).catch(() => {});
  }
  if (document.querySelector("[data-import]")) setTimeout(refreshAll, EVERY_MS);
}

refreshAll();
