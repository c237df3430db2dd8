// Exact instants in the reader's own time zone: the server only knows UTC.
document.addEventListener("DOMContentLoaded", () => {
  const exact = new Intl.DateTimeFormat(document.documentElement.lang || "en", { dateStyle: "medium", timeStyle: "long" });
  for (const time of document.querySelectorAll("time[datetime]")) time.title = exact.format(new Date(time.dateTime));
});
