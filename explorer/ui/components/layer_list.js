// The list of layers. Every call gets all rows; the elements of the page are changed in place.

const SAMPLES = 4;

function element(kind, name, parent) {
  const made = document.createElement(kind);
  made.className = name;
  return parent ? parent.appendChild(made) : made;
}

function make() {
  const row = element("button", "layer-row");
  row.type = "button";
  const words = element("span", "words", row);
  element("span", "name", words);
  element("span", "facts count", words);
  element("span", "facts sees", words);
  const samples = element("span", "samples", row);
  for (let place = 0; place < SAMPLES; place += 1) element("span", "", samples);
  return row;
}

function patch(row, state, above, selected) {
  row.dataset.name = state.name;
  row.title = state.name;
  row.setAttribute("aria-label", `${state.name}: ${state.count}, ${state.sees}`);
  row.setAttribute("aria-current", String(selected));
  row.style.setProperty("--colour", state.colour);
  row.style.setProperty("--above", above);
  showName(row.querySelector(".name"), state.name);
  row.querySelector(".count").textContent = state.count;
  row.querySelector(".sees").textContent = state.sees;
  const places = [...row.querySelector(".samples").children];
  places.forEach((place, index) => fill(place, state.pictures[index], row.dataset.drawn === "no"));
  row.dataset.drawn = state.pictures.length ? "yes" : "no";
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
  image.alt = ""; // the label of the row describes it
  image.draggable = false;
  image.src = picture;
  place.replaceWith(image);
}

// The Tab key reaches only one row; the arrow keys move from row to row.
function select(list, row) {
  for (const each of list.querySelectorAll(".layer-row")) {
    each.tabIndex = each === row ? 0 : -1;
    each.setAttribute("aria-current", String(each === row));
  }
}

function move(list, event) {
  const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
  const rows = [...list.querySelectorAll(".layer-row")];
  const here = rows.indexOf(event.target.closest(".layer-row"));
  if (!step || here < 0) return;
  event.preventDefault();
  rows[here + step]?.focus();
}

// Scrolls the list so that a row is visible; the page does not scroll.
function reveal(list, row) {
  const outer = list.getBoundingClientRect();
  const inner = row.getBoundingClientRect();
  if (inner.top < outer.top || inner.bottom > outer.bottom) {
    list.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
  }
  if (inner.left < outer.left || inner.right > outer.right) {
    list.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }
}

// Whenever the list gets another size, such as when a phone is turned.
const SIZES = new ResizeObserver((changed) => changed.forEach(({ target }) => {
  const selected = target.querySelector('.layer-row[aria-current="true"]');
  if (selected) reveal(target, selected);
}));

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".layer-list");
  const bottom = list.querySelector(".bottom");
  if (list.dataset.set !== data.set) {
    for (const row of list.querySelectorAll(".layer-row")) row.remove();
    list.dataset.set = data.set;
    delete list.dataset.selected;
    SIZES.observe(list);
  }
  data.rows.forEach((state, place) => {
    let row = list.querySelectorAll(".layer-row")[place];
    if (!row) list.insertBefore((row = make()), bottom);
    patch(row, state, data.rows[Math.max(place - 1, 0)].colour, state.name === data.selected);
  });
  const selected = list.querySelector('.layer-row[aria-current="true"]');
  if (selected && list.dataset.selected !== data.selected) {
    select(list, selected);
    requestAnimationFrame(() => reveal(list, selected));
  }
  list.dataset.selected = data.selected;
  list.onkeydown = (event) => move(list, event);
  list.onclick = (event) => {
    const row = event.target.closest(".layer-row");
    if (!row) return;
    select(list, row);
    setTriggerValue("pick", row.dataset.name);
  };
}
