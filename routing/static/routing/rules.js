// A long list of boxes to tick gets a field to find them by; without script the list is just longer.
const MANY = 14;
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

for (const list of document.querySelectorAll("[data-ticks]")) {
  const labels = [...list.querySelectorAll(".rs-boxes label")];
  if (labels.length < MANY) continue;
  const find = document.createElement("input");
  find.type = "search";
  find.className = "rs-find";
  find.placeholder = `${list.dataset.ticks}…`;
  find.setAttribute("aria-label", `${list.dataset.ticks}: ${list.querySelector("legend").textContent.trim()}`);
  find.addEventListener("input", () => {
    const words = plain(find.value).split(/\s+/).filter(Boolean);
    for (const label of labels) {
      const text = plain(label.textContent);
      label.hidden = !label.querySelector("input").checked && !words.every((word) => text.includes(word));
    }
  });
  find.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  list.querySelector("legend").after(find);
  // What is ticked comes first, so that it is seen.
  list.querySelector(".rs-boxes").prepend(...labels.filter((label) => label.querySelector("input").checked));
}

// Where their order matters, what is ticked carries its rank and can be moved up. Boxes are sent as they stand here.
for (const list of document.querySelectorAll("[data-ranked]")) {
  const ticked = () => [...list.querySelectorAll("label:has(:checked)")].map((label) => label.parentElement);
  for (const label of list.querySelectorAll(".rs-boxes label")) {
    const box = document.createElement("span");
    const up = document.createElement("button");
    box.className = "rs-ranked";
    up.type = "button";
    up.className = "rs-up";
    up.textContent = "↑";
    up.setAttribute("aria-label", `${list.dataset.ranked}: ${label.textContent.trim()}`);
    up.addEventListener("click", () => {
      const all = ticked();
      const before = all[all.indexOf(box) - 1];
      if (before) before.before(box);
      up.focus();
    });
    label.addEventListener("change", () => {
      const last = ticked().filter((other) => other !== box).at(-1);
      const at = document.activeElement;
      if (last) last.after(box);
      at.focus();
    });
    label.replaceWith(box);
    box.append(label, up);
  }
}

// The theme writes a file's name into a field beside its own inputs, and fails where there is none: ours show it themselves.
for (const input of document.querySelectorAll("input[type=file].bo-file")) input.hasChangeListener = true;
