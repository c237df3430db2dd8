// The pick screen: + and - change the number, within what was asked for.
import "../oms/countdown.js";

for (const stepper of document.querySelectorAll("[data-stepper]")) {
  const input = stepper.querySelector("input");
  const show = () => {
    for (const button of stepper.querySelectorAll("[data-step]")) {
      const next = Number(input.value) + Number(button.dataset.step);
      button.disabled = (input.min && next < Number(input.min)) || (input.max && next > Number(input.max));
    }
  };
  stepper.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step]");
    if (!button) return;
    input.value = Number(input.value) + Number(button.dataset.step);
    navigator.vibrate?.(20);
    show();
  });
  input.addEventListener("input", show);
  stepper.querySelectorAll("[data-step]").forEach((button) => (button.hidden = false));
  show();
}
