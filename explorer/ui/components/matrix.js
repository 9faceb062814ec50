// A table of images, whose rows and columns have heads. The elements are changed in place: images
// that stay the same are not loaded again, and nothing moves when a new image is shown.

function head(state, kind) {
  const element = document.createElement("div");
  element.className = `head ${kind}`;
  element.style.setProperty("--colour", state.colour);
  const name = element.appendChild(document.createElement("b"));
  showName(name, state.name);
  element.appendChild(document.createElement("small")).textContent = state.words;
  return element;
}

function empty() {
  const cell = document.createElement("button");
  cell.type = "button";
  cell.className = "cell";
  return cell;
}

function build(box, data) {
  box.replaceChildren();
  const alone = !data.rows[0].head;
  box.classList.toggle("alone", alone);
  if (!alone) {
    const corner = box.appendChild(document.createElement("div"));
    corner.className = "corner";
    corner.textContent = data.corner;
  }
  for (const column of data.columns) box.appendChild(head(column, "across"));
  for (const row of data.rows) {
    if (row.head) box.appendChild(head(row.head, "down"));
    for (const _ of row.cells) box.appendChild(empty());
  }
  // On a phone a single row is shown as pairs of images, each beneath the head of its column.
  for (const kind of [".head", ".cell"]) {
    if (alone) box.querySelectorAll(kind).forEach((it, at) => it.style.setProperty("--line", at >> 1));
  }
}

function patch(cell, state) {
  cell.dataset.id = state.id;
  cell.disabled = !state.picture || state.preview;
  cell.setAttribute("aria-label", state.label);
  cell.classList.toggle("waiting", !state.picture);
  cell.classList.toggle("preview", state.preview);
  if (state.chosen) cell.setAttribute("aria-current", "true");
  else cell.removeAttribute("aria-current");
  const old = cell.querySelector("img");
  const shown = state.picture ?? state.sample;
  old?.classList.toggle("sample", !state.picture);
  if (!shown) return void old?.remove();
  if (old?.getAttribute("src") === shown) return;
  const image = old ?? document.createElement("img");
  image.alt = ""; // the label of the button describes it
  image.className = state.picture ? "" : "sample";
  image.draggable = false;
  image.src = shown;
  if (!old) cell.append(image);
}

// The Tab key reaches only one cell; the arrow keys move from cell to cell.
function move(box, columns, event) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const cells = [...box.querySelectorAll(".cell")];
  let next = cells.indexOf(event.target);
  if (!step || next < 0) return;
  event.preventDefault();
  do next += step; while (cells[next]?.disabled); // images that are not there yet are passed over
  if (cells[next]) {
    enter(box, cells[next]);
    cells[next].focus();
  }
}

function enter(box, cell) {
  for (const each of box.querySelectorAll(".cell")) each.tabIndex = -1;
  if (cell) cell.tabIndex = 0;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".matrix");
  const shape = JSON.stringify([data.set, data.columns, data.rows.map((row) => [row.head, row.cells.length])]);
  box.setAttribute("aria-label", data.label);
  box.style.setProperty("--across", data.columns.length);
  box.style.setProperty("--proportion", data.proportion);
  if (box.dataset.shape !== shape) {
    build(box, data);
    box.dataset.shape = shape;
  }
  const states = data.rows.flatMap((row) => row.cells);
  box.querySelectorAll(".cell").forEach((cell, at) => patch(cell, states[at]));
  if (!box.querySelector('.cell[tabindex="0"]:enabled')) enter(box, box.querySelector(".cell:enabled"));
  box.onkeydown = (event) => move(box, data.columns.length, event);
  box.onclick = (event) => {
    const cell = event.target.closest(".cell");
    if (!cell || cell.disabled) return;
    enter(box, cell);
    setTriggerValue("open", cell.dataset.id);
  };
}
