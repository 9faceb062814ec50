// A grid of pictures. Every call gets all tiles; the elements of the page are changed in place, so
// that pictures that stay the same are not loaded again, and nothing moves.

const DIGEST = new WeakMap();
const BESIDE = new WeakMap();

function make() {
  const tile = document.createElement("button");
  tile.type = "button";
  tile.className = "tile";
  const frame = tile.appendChild(span("frame"));
  frame.appendChild(span("tag")).append(span("title"), span("note"));
  tile.append(span("caption"), span("detail"));
  return tile;
}

function span(name) {
  const element = document.createElement("span");
  element.className = name;
  return element;
}

function patch(tile, state) {
  const before = DIGEST.get(tile);
  const waiting = !state.picture;
  tile.dataset.id = state.id;
  tile.disabled = (waiting || state.preview) && !state.opens;
  tile.setAttribute("aria-label", state.label);
  tile.classList.toggle("waiting", waiting);
  tile.classList.toggle("preview", state.preview);
  tile.classList.toggle("silent", state.silent);
  tile.classList.toggle("open", state.chosen);
  if (state.chosen) tile.setAttribute("aria-current", "true");
  else tile.removeAttribute("aria-current");
  tile.querySelector(".title").textContent = state.title;
  tile.querySelector(".note").textContent = state.note;
  showName(tile.querySelector(".caption"), state.caption);
  showName(tile.querySelector(".detail"), state.detail);
  if (before !== state.picture) {
    tile.classList.toggle("arrived", before === null && !waiting);
    show(tile.querySelector(".frame"), state.picture, "own");
  }
  DIGEST.set(tile, state.picture);
  if (BESIDE.get(tile) !== state.beside) show(tile.querySelector(".frame"), state.beside, "beside");
  BESIDE.set(tile, state.beside);
}

function show(frame, picture, kind) {
  const old = frame.querySelector(`img.${kind}`);
  if (!picture) return void old?.remove();
  const image = old ?? document.createElement("img");
  image.className = kind;
  image.alt = ""; // the label of the button describes it
  image.draggable = false;
  image.src = picture;
  if (!old) frame.prepend(image);
}

// The Tab key reaches only one tile; the arrow keys move from tile to tile.
function enter(grid, tile) {
  for (const each of grid.children) each.tabIndex = -1;
  if (tile) tile.tabIndex = 0;
}

function move(grid, event) {
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const tiles = [...grid.children];
  let next = tiles.indexOf(event.target.closest(".tile"));
  if (!step || next < 0) return;
  event.preventDefault();
  do next += step; while (tiles[next]?.disabled); // pictures that are not there yet are passed over
  if (tiles[next]) {
    enter(grid, tiles[next]);
    tiles[next].focus();
  }
}

// In a row that scrolls sideways, the chosen tile may be outside the visible part: scroll to it.
function uncover(grid) {
  const tile = grid.querySelector(".tile.open");
  let line = tile?.getRootNode().host;
  while (line && getComputedStyle(line).overflowX !== "auto") line = line.parentElement;
  if (!line) return;
  const [own, seen] = [tile.getBoundingClientRect(), line.getBoundingClientRect()];
  if (own.left >= seen.left && own.right <= seen.right) return;
  line.scrollLeft += (own.left + own.right - seen.left - seen.right) / 2;
}

const WIDTHS = new ResizeObserver((changed) => changed.forEach(({ target }) => uncover(target)));

// If a click on a tile opens a dialog, the dialog gets the keyboard focus. When the dialog has been
// closed, this function returns the focus to the tile.
function returnTo(tile) {
  let opened = false;
  const watch = new MutationObserver(() => {
    const dialog = document.querySelector('[role="dialog"]');
    opened ||= Boolean(dialog);
    if (tile.isConnected && (!opened || dialog)) return;
    watch.disconnect(); // the dialog was closed, or the click led to another page
    if (tile.isConnected) tile.focus({ preventScroll: true });
  });
  watch.observe(document.body, { childList: true, subtree: true });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".tiles");
  grid.setAttribute("aria-label", data.label);
  grid.classList.toggle("pairs", data.pairs);
  grid.classList.toggle("few", !data.columns && data.tiles.length <= 8);
  grid.classList.toggle("row", data.columns > 0);
  grid.style.setProperty("--across", data.columns);
  grid.style.setProperty("--narrow", data.columns > 4 ? Math.ceil(data.columns / 2) : data.columns);
  if (grid.dataset.set !== data.set) {
    grid.replaceChildren();
    grid.dataset.set = data.set;
    WIDTHS.unobserve(grid);
    WIDTHS.observe(grid); // calls uncover now, and whenever the width of the grid changes
  }
  while (grid.children.length > data.tiles.length) grid.lastElementChild.remove();
  data.tiles.forEach((state, place) => {
    patch(grid.children[place] ?? grid.appendChild(make()), state);
  });
  if (!grid.querySelector('.tile[tabindex="0"]:enabled')) {
    enter(grid, grid.querySelector(".tile:enabled"));
  }
  grid.onkeydown = (event) => move(grid, event);
  grid.onclick = (event) => {
    const tile = event.target.closest(".tile");
    if (!tile || tile.disabled) return;
    enter(grid, tile);
    returnTo(tile);
    setTriggerValue("open", tile.dataset.id);
  };
}
