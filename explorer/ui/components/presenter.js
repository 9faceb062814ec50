// Presenter mode: reads the keys, has a bar of buttons, and shows one picture alone.

const WAYS = { ArrowRight: "forward", PageDown: "forward", ArrowLeft: "back", PageUp: "back" };
// The keys of a presenter's remote control, which no control on a slide needs.
const REMOTE = ["PageDown", "PageUp"];
// Controls that use the arrow keys, those that use Enter, and what covers the page when it is open.
const ARROWED = "input, textarea, select, [role=radiogroup], [role=slider], [role=group], [role=combobox]";
const ENTERED = `${ARROWED}, button, a, summary`;
const COVERS = '[data-testid="stPopoverBody"], [data-testid="stDialog"], [role="listbox"]';
const PICTURES = ".depths img, img.large-picture";
const mounted = new WeakMap();
// Milliseconds: how long a step waits for a page that runs, how often it looks, and how long it takes
// until a page runs after a step.
const PATIENCE = 3000, LOOK = 50, START = 200;

const pictures = () => [...document.querySelectorAll(`[data-testid="stMain"] :is(${PICTURES})`)];
const isOn = (event, controls) => event.composedPath().some((it) => it.matches?.(controls));
// Whether a key is for the control that has the focus. One that was clicked is about to lose it.
const isFor = (event, controls) => isOn(event, controls) && !event.composedPath().includes(clicked);

// Shows one of the pictures of the page alone; the keys then lead through all of them.
function gallery(dialog) {
  let at = 0;
  const show = (place) => {
    const all = pictures();
    if (!all.length) return;
    at = Math.min(Math.max(place, 0), all.length - 1);
    const words = all[at].closest("figure")?.querySelector("figcaption b")?.textContent;
    dialog.querySelector("img").src = all[at].currentSrc || all[at].src;
    dialog.querySelector("img").alt = all[at].alt;
    dialog.querySelector("p").textContent = words || all[at].alt;
    if (!dialog.open) dialog.showModal();
  };
  dialog.onclick = () => dialog.close();
  return { show, step: (by) => show(at + by) };
}

// What the last run of the page offers, and the steps that are not made yet.
let current = null;
let steps = Promise.resolve();

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function still() {
  const end = performance.now() + PATIENCE;
  while (document.querySelector('[data-test-script-state="running"]') && performance.now() < end) {
    await pause(LOOK);
  }
}

// Makes a step as soon as the page does not run: Streamlit would show the slide of one of two steps in
// a row, and the address of the other.
function go(way) {
  steps = steps.then(still).then(async () => {
    if (!current || (way !== "leave" && !current.data[way])) return;
    if (way === "leave" && document.fullscreenElement) {
      wanted = false;
      document.exitFullscreen();
    }
    current.setTriggerValue("go", way);
    await pause(START);
  });
}

function keys(root, whole) {
  const dialog = root.querySelector("dialog");
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    if (dialog.open) {
      if (key in WAYS) whole.step(WAYS[key] === "forward" ? 1 : -1);
      else if (key === "Enter" || key === "Escape") dialog.close();
      else return;
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (document.querySelector(COVERS)) return;
    if (key === "Escape") go("leave");
    else if (key in WAYS && (REMOTE.includes(key) || !isFor(event, ARROWED))) go(WAYS[key]);
    else if (key === "Enter" && !isFor(event, ENTERED)) whole.show(0);
    else if ((key === "f" || key === "F") && !isFor(event, ARROWED)) fill();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

// The browser itself leaves the full screen on Escape, and does not tell the page about the key.
let wanted = false;

function fill() {
  wanted = !document.fullscreenElement;
  if (wanted) document.documentElement.requestFullscreen?.().catch(() => (wanted = false));
  else document.exitFullscreen();
}

const TYPED = 'textarea, input:not([type="range"]):not([type="radio"])';
// The control that was clicked, until the focus leaves it.
let clicked = null;

function focused() {
  let it = document.activeElement;
  while (it?.shadowRoot?.activeElement) it = it.shadowRoot.activeElement;
  return it?.matches?.(TYPED) ? null : it;
}

// After a click on a control, the arrow keys lead on again, as nobody sees where the focus is. A key
// that is pressed at once comes before the focus has left the control.
function release(event) {
  if (event.detail === 0) return; // the key Enter or Space
  clicked = focused();
  setTimeout(() => {
    focused()?.blur?.();
    clicked = null;
  });
}

function prepare(root, data) {
  root.querySelector(".where").textContent = data.where;
  for (const way of ["back", "forward"]) {
    const button = root.querySelector(`.${way}`);
    button.disabled = !data[way];
    button.onclick = () => go(way);
  }
  root.querySelector(".leave").onclick = () => go("leave");
  root.querySelector(".fill").onclick = fill;
}

export default function ({ parentElement, data, setTriggerValue }) {
  mounted.get(parentElement)?.abort();
  const listening = new AbortController();
  mounted.set(parentElement, listening);
  current = { parentElement, data, setTriggerValue };
  const whole = gallery(parentElement.querySelector("dialog"));
  prepare(parentElement, data);
  const options = { signal: listening.signal, capture: true };
  document.addEventListener("keydown", keys(parentElement, whole), options);
  document.addEventListener("click", release, options);
  document.addEventListener("click", (event) => {
    const place = pictures().indexOf(event.target);
    if (place >= 0) whole.show(place);
  }, options);
  document.addEventListener("fullscreenchange", () => {
    if (document.fullscreenElement || !wanted) return;
    wanted = false;
    go("leave");
  }, options);
  return () => {
    listening.abort();
    if (current?.parentElement === parentElement) current = null;
  };
}
