// The ladder of layers. Every call brings the whole state; rungs are patched in place.

const SAMPLES = 4;

function element(kind, name, parent) {
  const made = document.createElement(kind);
  made.className = name;
  return parent ? parent.appendChild(made) : made;
}

function make() {
  const rung = element("button", "rung");
  rung.type = "button";
  const words = element("span", "words", rung);
  element("span", "name", words);
  element("span", "facts count", words);
  element("span", "facts sees", words);
  const samples = element("span", "samples", rung);
  for (let place = 0; place < SAMPLES; place += 1) element("span", "", samples);
  return rung;
}

function patch(rung, state, above, selected) {
  rung.dataset.name = state.name;
  rung.title = state.name;
  rung.setAttribute("aria-label", `${state.name}: ${state.count}, ${state.sees}`);
  rung.setAttribute("aria-current", String(selected));
  rung.style.setProperty("--colour", state.colour);
  rung.style.setProperty("--above", above);
  rung.querySelector(".name").textContent = state.name;
  rung.querySelector(".count").textContent = state.count;
  rung.querySelector(".sees").textContent = state.sees;
  const places = [...rung.querySelector(".samples").children];
  places.forEach((place, index) => fill(place, state.pictures[index], rung.dataset.drawn === "no"));
  rung.dataset.drawn = state.pictures.length ? "yes" : "no";
}

function fill(place, picture, fresh) {
  if (!picture) {
    if (place.tagName === "IMG") place.replaceWith(element("span", ""));
    return;
  }
  if (place.tagName === "IMG") {
    if (place.src !== picture) place.src = picture;
    return;
  }
  const image = element("img", fresh ? "arrived" : "");
  image.alt = ""; // the rung says what it is
  image.draggable = false;
  image.src = picture;
  place.replaceWith(image);
}

// One rung is in the tab order; the arrow keys go from rung to rung.
function select(ladder, rung) {
  for (const each of ladder.querySelectorAll(".rung")) {
    each.tabIndex = each === rung ? 0 : -1;
    each.setAttribute("aria-current", String(each === rung));
  }
}

function move(ladder, event) {
  const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
  const rungs = [...ladder.querySelectorAll(".rung")];
  const here = rungs.indexOf(event.target.closest(".rung"));
  if (!step || here < 0) return;
  event.preventDefault();
  rungs[here + step]?.focus();
}

// Brings a rung into view inside the ladder without moving the page.
function reveal(ladder, rung) {
  const outer = ladder.getBoundingClientRect();
  const inner = rung.getBoundingClientRect();
  if (inner.top < outer.top || inner.bottom > outer.bottom) {
    ladder.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
  }
  if (inner.left < outer.left || inner.right > outer.right) {
    ladder.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const ladder = parentElement.querySelector(".ladder");
  const bottom = ladder.querySelector(".bottom");
  if (ladder.dataset.set !== data.set) {
    for (const rung of ladder.querySelectorAll(".rung")) rung.remove();
    ladder.dataset.set = data.set;
    delete ladder.dataset.selected;
  }
  data.rungs.forEach((state, place) => {
    let rung = ladder.querySelectorAll(".rung")[place];
    if (!rung) ladder.insertBefore((rung = make()), bottom);
    patch(rung, state, data.rungs[Math.max(place - 1, 0)].colour, state.name === data.selected);
  });
  const selected = ladder.querySelector('.rung[aria-current="true"]');
  if (selected && ladder.dataset.selected !== data.selected) {
    select(ladder, selected);
    requestAnimationFrame(() => reveal(ladder, selected));
  }
  ladder.dataset.selected = data.selected;
  ladder.onkeydown = (event) => move(ladder, event);
  ladder.onclick = (event) => {
    const rung = event.target.closest(".rung");
    if (!rung) return;
    select(ladder, rung);
    setTriggerValue("pick", rung.dataset.name);
  };
}
