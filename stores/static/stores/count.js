// Counting: each beep is kept on this phone first and then sent, so a lost network loses none. It travels with an id
// made here, so that what is sent twice counts once.
import { wake } from "./stepper.js";

const EVERY_MS = 5_000;
const NAMED = 5; // of what waits to be sent
const AT_ONCE = 200;
const main = document.querySelector("[data-scans]");
const form = main.querySelector("form[data-scan]");
const [code, bin] = [form.elements.code, form.elements.bin];
const refused = form.querySelector("[data-refused]");
const notice = main.querySelector("[data-unsent]");
const store = `count ${main.dataset.count}`;
const ahead = Date.parse(document.documentElement.dataset.now) - Date.now(); // the phone's clock may be wrong
let queue = JSON.parse(localStorage.getItem(store) ?? "[]");
let isSending = false;

function keep(scans) {
  queue = scans;
  if (queue.length) localStorage.setItem(store, JSON.stringify(queue));
  else localStorage.removeItem(store);
}

function newId() {
  return crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`; // http knows no UUIDs
}

// ---- what is heard and seen of a beep ----

let audio;

function tone(hertz, seconds) {
  audio ??= new AudioContext();
  const [sound, volume] = [audio.createOscillator(), audio.createGain()];
  sound.frequency.value = hertz;
  volume.gain.setValueAtTime(0.15, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + seconds);
  sound.connect(volume).connect(audio.destination);
  sound.start();
  sound.stop(audio.currentTime + seconds);
}

function tellTaken() {
  refused.textContent = "";
  tone(1320, 0.12);
  navigator.vibrate?.(30);
  form.classList.add("scan-flash");
  setTimeout(() => form.classList.remove("scan-flash"), 250);
}

function tellRefused(words) {
  refused.textContent = words;
  tone(220, 0.4);
  navigator.vibrate?.([120, 80, 120]);
}

// The article in front is the one before: what is beeped without a network is known by its code only.
function showUnsent(isOnline) {
  notice.hidden = isOnline || !queue.length;
  notice.textContent = [notice.dataset.words + queue.length, ...unsent()].join(" · ");
  const article = main.querySelector("[data-article]");
  if (article && !article.contains(document.activeElement)) article.hidden = !notice.hidden;
}

function unsent() {
  const units = new Map();
  for (const one of [...queue].reverse()) units.set(one.code, (units.get(one.code) ?? 0) + one.add);
  return [...units].slice(0, NAMED).map(([given, number]) => `${given} × ${number}`);
}

// ---- sending ----

async function send(scans) {
  return fetch(main.dataset.scans, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    body: JSON.stringify({ scans }),
  });
}

async function flush() {
  if (isSending) return;
  isSending = true;
  try {
    while (queue.length) await sendSome(queue.slice(0, AT_ONCE)); // more may come meanwhile
    showUnsent(true);
  } catch {
    showUnsent(false);
  } finally {
    isSending = false;
  }
}

async function sendSome(scans) {
  const answer = await send(scans);
  if (answer.status === 401 || answer.status === 403) location.reload(); // signed out: what waits is kept
  if (answer.status === 401 || answer.status === 403 || answer.status === 429 || answer.status >= 500) throw new Error(answer.status);
  const said = await answer.json();
  keep(queue.slice(scans.length));
  if (answer.ok) await take(said.results, scans);
  else tellRefused(said.detail);
}

async function take(results, scans) {
  const faults = results.filter((one) => one.status === "rejected");
  const last = results.findLast((one) => one.sku);
  if (faults.length) tellRefused(faults.map((one) => `${scans[one.index].code}: ${one.detail ?? one.code}`).join(" "));
  if (last) await show(last.sku, scans[last.index].bin);
}

async function show(sku, where) {
  const answer = await fetch(`${main.dataset.screen}?${new URLSearchParams({ sku, bin: where })}`, { credentials: "same-origin" });
  if (answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live-count]");
  const live = main.querySelector("[data-live-count]");
  if (!fresh || live.contains(document.activeElement)) return; // somebody types a number there
  live.replaceChildren(...document.adoptNode(fresh).childNodes);
  wake(live);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  event.stopPropagation();
  const given = code.value.trim();
  code.value = "";
  code.focus();
  if (!given) return;
  const scanned_at = new Date(Date.now() + ahead).toISOString();
  keep([...queue, { id: newId(), code: given, add: 1, bin: bin.value.trim(), scanned_at }]);
  tellTaken();
  if (!notice.hidden) showUnsent(false);
  flush();
});

// Nobody submits before everything was sent.
main.querySelector("[data-finish]").addEventListener("click", (event) => {
  if (!queue.length) return;
  event.preventDefault();
  flush().then(() => !queue.length && location.assign(event.target.href));
});
addEventListener("online", flush);
setInterval(flush, EVERY_MS);
code.focus();
flush();
