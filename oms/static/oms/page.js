// What every page gets: a form is sent once however often its button is tapped, and a picture that does
// not load leaves the placeholder behind it.

function lock(form, submitter) {
  form.dataset.sent = "";
  form.setAttribute("aria-busy", "true");
  // Later, so that the button's own name and value still travel with the form.
  setTimeout(() => submitter?.setAttribute("aria-disabled", "true"));
}

function unlock(form) {
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
  form.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if ("sent" in form.dataset) event.preventDefault();
  else lock(form, event.submitter);
});

// A page that comes back from the browser's memory is not being sent any more.
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(unlock));

function hideBroken(image) {
  image.hidden = true;
}

document.addEventListener("error", (event) => event.target.matches?.(".picture img") && hideBroken(event.target), true);
document.querySelectorAll(".picture img").forEach((image) => image.complete && !image.naturalWidth && hideBroken(image));
