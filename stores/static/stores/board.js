// The list keeps itself fresh: every ten seconds the fragment is fetched and merged, card by card, so that
// nothing that did not change is touched; scroll and focus stay where they are.
import "../oms/countdown.js";

const EVERY_MS = 10_000;
const SETTLE_MS = 400;
const main = document.querySelector("[data-board]");
const live = document.querySelector("[data-live]");

function mergeCards(list, fresh) {
  const known = new Map([...list.children].map((card) => [card.id, card]));
  const wanted = [...fresh.children].map((card) => {
    const old = known.get(card.id);
    return old && old.dataset.version === card.dataset.version ? old : document.adoptNode(card);
  });
  if (wanted.length === list.children.length && wanted.every((card, at) => card === list.children[at])) return [];
  const focused = document.activeElement;
  wanted.forEach((card, at) => list.children[at] !== card && list.insertBefore(card, list.children[at] ?? null));
  while (list.children.length > wanted.length) list.lastElementChild.remove();
  if (focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
  list.classList.add("is-settling");
  setTimeout(() => list.classList.remove("is-settling"), SETTLE_MS);
  return wanted.filter((card) => card.id && card.id !== "empty" && !known.has(card.id));
}

function mergeCounts(fresh) {
  for (const count of main.querySelectorAll("[data-count]")) {
    const now = fresh.querySelector(`[data-count="${count.dataset.count}"]`).textContent;
    if (count.textContent !== now) count.textContent = now;
  }
}

function mergePart(fresh, name) {
  const [old, now] = [main.querySelector(name), fresh.querySelector(name)];
  if (old.dataset.version !== now.dataset.version) old.replaceWith(document.adoptNode(now));
}

function show(isOnline) {
  live.classList.toggle("is-offline", !isOnline);
  const time = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
  live.querySelector("[data-updated]").textContent = isOnline ? time : live.dataset.offline;
}

async function refresh() {
  if (document.hidden || main.querySelector("form[data-sent]")) return;
  try {
    const answer = await fetch(main.dataset.board, { credentials: "same-origin" });
    if (answer.redirected) return location.reload(); // signed out meanwhile
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const before = Number(main.querySelector('[data-count="new"]').textContent);
    mergeCards(main.querySelector("#cards"), fresh.querySelector("#cards"));
    mergeCounts(fresh);
    mergePart(fresh, "[data-pause]");
    mergePart(fresh, "[data-urgent]");
    mergePart(fresh, "[data-offers]");
    if (Number(main.querySelector('[data-count="new"]').textContent) > before) announce();
    show(true);
  } catch {
    show(false);
  }
}

// ---- new work is heard, if the person wants it ----

const bell = document.querySelector("[data-sound]");
let audio;

function wantSound(isOn) {
  bell.setAttribute("aria-pressed", String(isOn));
  localStorage.setItem("store-sound", isOn ? "on" : "off");
}

function beep() {
  audio ??= new AudioContext();
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  tone.frequency.value = 880;
  volume.gain.setValueAtTime(0.2, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.4);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.4);
}

function announce() {
  const words = main.querySelector("[data-announce]");
  words.textContent = "";
  setTimeout(() => (words.textContent = words.dataset.text), 50);
  if (bell.getAttribute("aria-pressed") !== "true") return;
  beep();
  navigator.vibrate?.([80, 60, 80]);
}

bell.hidden = false;
wantSound(localStorage.getItem("store-sound") === "on");
bell.addEventListener("click", () => {
  const isOn = bell.getAttribute("aria-pressed") !== "true";
  wantSound(isOn);
  if (isOn) beep(); // the tap is also what lets the browser play sound later
});

setInterval(refresh, EVERY_MS);
addEventListener("online", refresh);
addEventListener("offline", () => show(false));
document.addEventListener("visibilitychange", refresh);
