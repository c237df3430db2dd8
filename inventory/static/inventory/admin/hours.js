// Rows that come and go, and a day that takes the hours of the day above. Without it there is one empty row to write into.

const times = (row) => [...row.querySelectorAll('input[type="time"]')];
const spares = (row) => [...row.querySelectorAll("[data-spare][hidden]")];

function tidy(row) {
  for (const pair of row.querySelectorAll("[data-spare]")) pair.hidden = !times(pair).some((input) => input.value);
  const more = row.querySelector("[data-more]");
  if (more) more.hidden = !canGrow(row) && !spares(row).length;
}

// The fields of a weekday share one name, so there may be any number of them; those of a special day are numbered.
const canGrow = (row) => "day" in row.dataset;

function grow(row) {
  const last = [...row.querySelectorAll(".hours-pair")].at(-1);
  const pair = last.cloneNode(true);
  times(pair).forEach((input) => (input.value = ""));
  last.after(pair);
  return pair;
}

function showMore(button) {
  const row = button.parentElement;
  const next = spares(row)[0] ?? grow(row);
  next.hidden = false;
  button.hidden = !canGrow(row) && !spares(row).length;
  next.querySelector("input").focus();
}

function fill(day, from) {
  const given = times(from).map((input) => input.value);
  while (times(day).length < given.length) grow(day);
  times(day).forEach((input, at) => (input.value = given[at] ?? ""));
  tidy(day);
  day.dispatchEvent(new Event("change", { bubbles: true }));
}

function tellClosed(day) {
  const isClosed = !times(day).some((input) => input.value);
  day.querySelector("[data-closed]").hidden = !isClosed;
}

for (const week of document.querySelectorAll("[data-week]")) {
  const days = [...week.querySelectorAll("[data-day]")];
  const told = (event) => {
    const day = event.target.closest("[data-day]");
    if (!day) return;
    tellClosed(day);
    week.querySelector('input[value="hours"]').checked = true; // who types hours means them
  };
  week.addEventListener("input", told);
  week.addEventListener("change", told);
  week.addEventListener("click", (event) => {
    const button = event.target.closest("[data-as-above]");
    if (!button) return;
    const at = days.indexOf(button.closest("[data-day]"));
    fill(days[at], days[at - 1]);
  });
  days.forEach(tellClosed);
  days.forEach(tidy);
  week.querySelectorAll("[data-as-above]").forEach((button) => (button.hidden = false));
}

for (const rows of document.querySelectorAll("[data-rows]")) {
  const [list, add, blank] = [rows.querySelector("[data-list]"), rows.querySelector("[data-add]"), rows.querySelector("template")];
  const show = (row) => {
    row.querySelector("[data-remove]").hidden = false;
    tidy(row);
  };
  add.addEventListener("click", () => {
    list.append(blank.content.cloneNode(true));
    show(list.lastElementChild);
    list.lastElementChild.querySelector("input").focus();
  });
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remove]");
    if (!button) return;
    button.closest("[data-row]").remove();
    add.focus();
  });
  [...list.children].forEach(show);
  add.hidden = false;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".hours [data-more]");
  if (button) showMore(button);
});
