// Elements <time data-due datetime="…"> count down; their [data-clock] ancestor turns .is-late at zero.
// The words are those of oms/web/times.py.

const days = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "day", unitDisplay: "long" });
const two = (number) => String(number).padStart(2, "0");

export function inWords(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  if (seconds < 3600) return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))}`;
  return days.format(Math.floor(seconds / 86400));
}

// The phone's clock may be wrong: the server's time comes with the page.
const skew = Date.parse(document.documentElement.dataset.now ?? new Date().toISOString()) - Date.now();

function tick() {
  for (const time of document.querySelectorAll("time[data-due]")) {
    const left = Date.parse(time.dateTime) - Date.now() - skew;
    const words = inWords(left);
    if (time.textContent !== words) time.textContent = words;
    time.closest("[data-clock]")?.classList.toggle("is-late", left < 0);
  }
}

tick();
setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);
