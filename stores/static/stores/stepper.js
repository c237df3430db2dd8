// + and - change the number between them, within what its field allows; also in parts of the page that come later.

function show(stepper) {
  const input = stepper.querySelector("input");
  for (const button of stepper.querySelectorAll("[data-step]")) {
    const next = Number(input.value) + Number(button.dataset.step);
    button.hidden = false;
    button.disabled = (input.min && next < Number(input.min)) || (input.max && next > Number(input.max));
  }
}

export function wake(root = document) {
  root.querySelectorAll("[data-stepper]").forEach(show);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-step]");
  if (!button) return;
  const stepper = button.closest("[data-stepper]");
  const input = stepper.querySelector("input");
  input.value = Number(input.value) + Number(button.dataset.step);
  navigator.vibrate?.(20);
  show(stepper);
});
document.addEventListener("input", (event) => {
  const stepper = event.target.closest("[data-stepper]");
  if (stepper) show(stepper);
});
wake();
