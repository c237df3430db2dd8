// Counting: a scan counts at once where the article is on the page; what is not known asks the server. + and - as well.
const form = document.querySelector("[data-counting]");
const scan = form.querySelector("[data-scan]");
const codes = JSON.parse(document.getElementById("codes").textContent);
const said = form.querySelector("[data-scanned]");
const error = document.getElementById("scan-error");
const total = document.querySelector("[data-total]");

const number = (input) => Math.max(0, Math.trunc(Number(input.value) || 0));
const inputs = () => [...form.querySelectorAll(".input.count")];

function show() {
  total.textContent = inputs().reduce((sum, input) => sum + number(input), 0);
  for (const row of form.querySelectorAll("[data-row]")) {
    const counted = [...row.querySelectorAll(".input.count")].reduce((sum, input) => sum + number(input), 0);
    row.classList.toggle("is-full", counted === Number(row.dataset.expected) && counted > 0);
    row.classList.toggle("is-over", counted > Number(row.dataset.expected));
  }
  for (const minus of form.querySelectorAll('[data-step="-1"]')) {
    minus.disabled = number(minus.parentElement.querySelector("input")) === 0;
  }
}

function step(input, by) {
  input.value = Math.max(0, number(input) + by);
  navigator.vibrate?.(20);
  show();
}

function countScanned(row) {
  const input = row.querySelector(".input.count");
  step(input, 1);
  form.querySelectorAll(".is-current").forEach((other) => other.classList.remove("is-current"));
  row.classList.add("is-current");
  row.scrollIntoView({ block: "nearest" });
  said.textContent = `${row.querySelector("[data-name]").textContent}: ${input.value}`;
  error.textContent = "";
  scan.value = "";
  scan.removeAttribute("aria-invalid");
}

// A scanner types the code and presses Enter; so does whoever types it.
form.addEventListener("submit", (event) => {
  if (event.submitter?.value !== "scan") return;
  const row = form.querySelector(`[data-row="${codes[scan.value.trim()]}"]`);
  if (!row) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  countScanned(row);
}, true);

// Enter in a number goes on to the next scan instead of sending the form.
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches(".input.count")) return;
  event.preventDefault();
  scan.focus();
});

form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-step]");
  if (button) step(button.parentElement.querySelector("input"), Number(button.dataset.step));
});
form.addEventListener("input", (event) => event.target.matches(".input.count") && show());
form.addEventListener("focusin", (event) => event.target.matches(".input.count") && event.target.select());
form.querySelectorAll("[data-step]").forEach((button) => (button.hidden = false));
show();
