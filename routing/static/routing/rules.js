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

// The theme writes a file's name into a field beside its own inputs, and fails where there is none: ours show it themselves.
for (const input of document.querySelectorAll("input[type=file].bo-file")) input.hasChangeListener = true;
