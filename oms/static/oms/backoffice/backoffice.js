// Instants in the reader's own time zone: the server only knows UTC.
document.addEventListener("DOMContentLoaded", () => {
  const language = document.documentElement.lang || "en";
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });
  const parts = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const short = new Intl.DateTimeFormat(language, parts);
  for (const time of document.querySelectorAll("time[datetime]")) {
    const instant = new Date(time.dateTime);
    time.title = exact.format(instant);
    if ("date" in time.dataset) time.textContent = short.format(instant);
  }
});
