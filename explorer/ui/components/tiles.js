// A grid of pictures. Every call brings the whole state; the grid is patched in place, so that
// pictures that stay are not loaded again and nothing jumps.

const DIGEST = new WeakMap();
const BESIDE = new WeakMap();

function make() {
  const tile = document.createElement("button");
  tile.type = "button";
  tile.className = "tile";
  const frame = tile.appendChild(span("frame"));
  frame.appendChild(span("tag")).append(span("title"), span("note"));
  tile.appendChild(span("caption"));
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
  tile.disabled = waiting || state.preview;
  tile.setAttribute("aria-label", state.label);
  tile.classList.toggle("waiting", waiting);
  tile.classList.toggle("preview", state.preview);
  tile.classList.toggle("dead", state.dead);
  tile.classList.toggle("open", state.chosen);
  if (state.chosen) tile.setAttribute("aria-current", "true");
  else tile.removeAttribute("aria-current");
  tile.querySelector(".title").textContent = state.title;
  tile.querySelector(".note").textContent = state.note;
  tile.querySelector(".caption").textContent = state.caption;
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
  image.alt = ""; // the button says what it is
  image.draggable = false;
  image.src = picture;
  if (!old) frame.prepend(image);
}

// One tile is in the tab order; the arrow keys go from tile to tile.
function enter(grid, tile) {
  for (const each of grid.children) each.tabIndex = -1;
  if (tile) tile.tabIndex = 0;
}

function move(grid, event) {
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const tiles = [...grid.children];
  const here = tiles.indexOf(event.target.closest(".tile"));
  const next = tiles[here + step];
  if (!step || here < 0) return;
  event.preventDefault();
  if (next && !next.disabled) {
    enter(grid, next);
    next.focus();
  }
}

// In a row of tiles that scrolls sideways, the chosen one may be outside the visible part.
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

// A dialog that a tile opened takes the focus; when it has closed, the tile has it again.
function returnTo(tile) {
  let opened = false;
  const watch = new MutationObserver(() => {
    const dialog = document.querySelector('[role="dialog"]');
    opened ||= Boolean(dialog);
    if (tile.isConnected && (!opened || dialog)) return;
    watch.disconnect(); // the tile may have led to another page instead
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
  if (grid.dataset.set !== data.set) {
    grid.replaceChildren();
    grid.dataset.set = data.set;
    WIDTHS.unobserve(grid);
    WIDTHS.observe(grid); // now, and whenever the width changes
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
