// A graph. Python computes columns and rows; here the columns are divided into lines that fit the
// width of the page, and the nodes, boxes and edges get their places in pixels.

const SVG = "http://www.w3.org/2000/svg";
// Sides of the pictures in pixels, on a wide page and on a phone. The largest is used with which the
// drawing is at most this part of the window high.
const SIDES = { wide: [168, 140, 116, 96, 76], phone: [76, 60] };
const PHONE = 560;
const HIGH = 0.7;
const ROW_GAP = 16;
const LINE_GAP = 26; // between two lines: an edge leads through it
const BOX = { top: 24, bottom: 8 };
const WIDEST_GAP = 176; // between two columns of a graph that is spread
const WORDS = [8, 28]; // by which words may reach beyond their picture at each side
const MARGIN = 14; // left and right of the drawing, for edges from line to line
const TIP = 6;
const THICKEST = 5;
const THICKNESS = 1.75; // of all edges, if their weights are equal
const WATCHED = new WeakMap();

function element(kind, name, parent) {
  const made = document.createElement(kind);
  made.className = name;
  return parent.appendChild(made);
}

function build(drawing, data) {
  for (const old of drawing.querySelectorAll(".node, .box")) old.remove();
  for (const node of data.nodes) {
    const made = element("button", "node", drawing);
    made.type = "button";
    element("span", "frame", made);
    for (const name of ["title", "note"]) showName(element("span", name, made), node[name]);
    made.title = node.label;
  }
}

function patch(made, node) {
  made.dataset.id = node.id;
  made.disabled = node.fixed;
  made.setAttribute("aria-label", node.label);
  made.style.setProperty("--colour", node.colour);
  showName(made.querySelector(".note"), node.note);
  if (node.chosen) made.setAttribute("aria-current", "true");
  else made.removeAttribute("aria-current");
  const frame = made.querySelector(".frame");
  const old = frame.querySelector("img");
  if (!node.picture) return void old?.remove();
  if (old?.getAttribute("src") === node.picture) return;
  const image = old ?? element("img", "", frame);
  image.className = node.smooth ? "" : "sharp";
  image.alt = ""; // the label of the button describes it
  image.draggable = false;
  image.src = node.picture;
}

// Divides the columns into lines of at most `most` columns; only at breaks.
function divide(count, breaks, most) {
  const starts = [0, ...breaks];
  const lines = [];
  starts.forEach((start, at) => {
    const end = starts[at + 1] ?? count;
    const line = lines.at(-1);
    if (line && end - line.start <= most) line.end = end;
    else lines.push({ start, end });
  });
  return lines;
}

// Returns the places of the columns and rows in pixels, for pictures of a size.
function arrange(drawing, data, width, thumb) {
  drawing.style.setProperty("--thumb", `${thumb}px`);
  const side = width < PHONE ? 5 : 9; // from a picture to the edge of its box
  let across = thumb + (width < PHONE ? 21 : 32);
  const columns = 1 + Math.max(...data.nodes.map((node) => node.place[0]));
  const most = Math.max(1, Math.floor((width - 2 * MARGIN) / across));
  const lines = divide(columns, data.breaks, most);
  if (data.spread) {
    const longest = Math.max(...lines.map((it) => it.end - it.start));
    const room = Math.floor((width - 2 * MARGIN) / longest);
    across = Math.max(across, Math.min(room, thumb + WIDEST_GAP));
  }
  // Words are wider than their picture, up to half of the gap between two columns.
  const beside = Math.max(WORDS[0], Math.min((across - thumb) / 4, WORDS[1]));
  drawing.style.setProperty("--beside", `${beside}px`);
  const texts = [...drawing.querySelectorAll(".node")].map((it) => it.offsetHeight - thumb);
  const text = Math.max(...texts);
  const down = thumb + text + ROW_GAP;
  const lineOf = (column) => lines.find((line) => column < line.end);
  const points = [...data.nodes.map((it) => it.place), ...data.edges.flatMap((it) => it.bends)];
  let y = 0;
  for (const line of lines) {
    const rows = points.filter(([at]) => at >= line.start && at < line.end).map(([, row]) => row);
    const nodes = data.nodes.filter(({ place: [at] }) => at >= line.start && at < line.end);
    const lowest = Math.max(...nodes.map((it) => it.place[1] * down + thumb / 2 + text));
    line.above = y;
    y += nodes.some((it) => it.group) ? BOX.top : LINE_GAP / 2;
    line.middle = y + Math.max(thumb / 2 - Math.min(...nodes.map((it) => it.place[1])) * down, 6 - Math.min(...rows) * down);
    y = line.middle + Math.max(lowest, Math.max(...rows) * down + 6) + BOX.bottom;
    line.below = y;
    y += LINE_GAP;
  }
  const put = ([column, row]) => {
    const line = lineOf(column);
    return { x: MARGIN + (column - line.start + 0.5) * across, y: line.middle + row * down, line };
  };
  const widest = Math.max(...lines.map((it) => it.end - it.start)) * across + 2 * MARGIN;
  return { put, thumb, text, side, lines: lines.length, height: y - LINE_GAP, width: widest };
}

function place(drawing, data, sizes) {
  const { put, thumb } = sizes;
  drawing.querySelectorAll(".node").forEach((made, at) => {
    const { x, y } = put(data.nodes[at].place);
    made.style.left = `${x - thumb / 2}px`;
    made.style.top = `${y - thumb / 2}px`;
  });
  for (const old of drawing.querySelectorAll(".box")) old.remove();
  for (const group of new Set(data.nodes.map((it) => it.group).filter(Boolean))) {
    box(drawing, data, sizes, group);
  }
}

function box(drawing, data, { put, thumb, text, side }, group) {
  const nodes = data.nodes.filter((it) => it.group === group);
  const columns = nodes.map((it) => it.place[0]);
  const [first, last] = [Math.min(...columns), Math.max(...columns)];
  const centres = nodes.map((it) => put(it.place));
  const bends = data.edges.flatMap((it) => it.bends).filter(([at]) => at >= first && at <= last);
  const passing = bends.map((it) => put(it).y);
  const top = Math.min(...centres.map((it) => it.y - thumb / 2), ...passing) - BOX.top;
  const bottom = Math.max(...centres.map((it) => it.y + thumb / 2 + text), ...passing) + BOX.bottom;
  const left = Math.min(...centres.map((it) => it.x)) - thumb / 2 - side;
  const right = Math.max(...centres.map((it) => it.x)) + thumb / 2 + side;
  const made = document.createElement("div");
  made.className = "box";
  Object.assign(made.style, { left: `${left}px`, top: `${top}px` });
  Object.assign(made.style, { width: `${right - left}px`, height: `${bottom - top}px` });
  element("span", "", made).textContent = group;
  made.title = group;
  drawing.prepend(made);
}

function shape(kind, name, svg) {
  const made = document.createElementNS(SVG, kind);
  made.setAttribute("class", name);
  return svg.appendChild(made);
}

// A curve that leaves and reaches every point horizontally.
function curve(points) {
  let path = `M${points[0].x},${points[0].y}`;
  points.slice(1).forEach((point, at) => {
    const from = points[at];
    const middle = (from.x + point.x) / 2;
    path += `C${middle},${from.y} ${middle},${point.y} ${point.x},${point.y}`;
  });
  return path;
}

// From the end of one line through the gap beneath it to the left of the next line, at a height of
// `to`; there the edges of one node part.
function turn(from, to, last) {
  const gap = last.below + LINE_GAP / 2 - 4;
  const [right, left, r] = [from.x + 10, to.x, 6];
  return (
    `M${from.x},${from.y}H${right - r}Q${right},${from.y} ${right},${from.y + r}V${gap - r}` +
    `Q${right},${gap} ${right - r},${gap}H${left + r}Q${left},${gap} ${left},${gap + r}` +
    `V${to.y - r}Q${left},${to.y} ${left + r},${to.y}`
  );
}

function connect(drawing, data, { put, thumb }) {
  const svg = drawing.querySelector("svg");
  svg.replaceChildren();
  const weighted = data.edges.some((it) => it.share !== data.edges[0].share);
  // Where edges lie on each other, those that are no skip connections are on top.
  const order = [...data.edges].sort((one, two) => (two.kind === "skip") - (one.kind === "skip"));
  for (const edge of order) {
    const [source, target] = [edge.source, edge.target].map((at) => put(data.nodes[at].place));
    const from = { x: source.x + thumb / 2 + 3, y: source.y };
    const to = { x: target.x - thumb / 2 - 3 - TIP, y: target.y };
    // Edges pass the pictures of a column in a straight line.
    const passed = edge.bends.flatMap((it) => {
      const { x, y } = put(it);
      return [{ x: x - thumb / 2, y }, { x: x + thumb / 2, y }];
    });
    const halo = edge.chosen ? shape("path", "halo", svg) : undefined;
    const path = shape("path", `edge ${edge.kind}`, svg);
    const corner = { x: MARGIN / 2 - 4, y: target.line.middle };
    const route =
      source.line === target.line
        ? curve([from, ...passed, to])
        : turn(from, corner, source.line) + curve([{ x: corner.x + 6, y: corner.y }, ...passed, to]).replace("M", "L");
    path.setAttribute("d", route);
    path.dataset.ends = `${data.nodes[edge.source].id} ${data.nodes[edge.target].id}`;
    path.style.strokeWidth = weighted ? Math.max(0.75, THICKEST * edge.share) : THICKNESS;
    halo?.setAttribute("d", route);
    if (halo) halo.style.strokeWidth = `${parseFloat(path.style.strokeWidth) + 5}px`;
    if (edge.id) {
      // A wide transparent line on top, so that thin edges can be clicked, too.
      const hit = shape("path", "hit", svg);
      hit.setAttribute("d", route);
      hit.dataset.id = edge.id;
      shape("title", "", hit).textContent = edge.label;
    }
    const tip = shape("path", `tip ${edge.kind}`, svg);
    tip.setAttribute("d", `M${to.x - 1},${to.y - 4}L${to.x + TIP},${to.y}L${to.x - 1},${to.y + 4}Z`);
  }
}

// The Tab key reaches only one node; the arrow keys move from node to node.
function enter(drawing, node) {
  for (const each of drawing.querySelectorAll(".node")) each.tabIndex = each === node ? 0 : -1;
}

// Right and left lead to the nearest node of the next column, also on another line; up and down to
// the next node of the column, or to what is above or beneath it on another line.
function neighbour(drawing, data, from, key) {
  const made = [...drawing.querySelectorAll(".node")];
  const open = made.map((_, at) => at).filter((at) => !made[at].disabled);
  const here = data.nodes[from].place;
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  if (step) {
    const ahead = open.filter((at) => step * (data.nodes[at].place[0] - here[0]) > 0);
    const cost = (at) => 1000 * Math.abs(data.nodes[at].place[0] - here[0]) + Math.abs(data.nodes[at].place[1] - here[1]);
    return made[ahead.sort((one, two) => cost(one) - cost(two))[0]];
  }
  const side = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (!side) return undefined;
  const [x, y] = [made[from].offsetLeft, made[from].offsetTop];
  const beyond = open.filter((at) => side * (made[at].offsetTop - y) > 1);
  const far = (at) => Math.abs(made[at].offsetTop - y) + 3 * Math.abs(made[at].offsetLeft - x);
  return made[beyond.sort((one, two) => far(one) - far(two))[0]];
}

export default function ({ data, parentElement, setTriggerValue }) {
  const graph = parentElement.querySelector(".graph");
  const drawing = graph.querySelector(".drawing");
  graph.setAttribute("aria-label", data.label);
  const form = JSON.stringify([data.set, data.edges, data.nodes.map((it) => [it.id, it.group])]);
  if (graph.dataset.form !== form) {
    build(drawing, data);
    graph.dataset.form = form;
  }
  const made = [...drawing.querySelectorAll(".node")];
  made.forEach((each, at) => patch(each, data.nodes[at]));
  if (!drawing.querySelector('.node[tabindex="0"]:enabled')) {
    enter(drawing, drawing.querySelector(".node[aria-current]:enabled, .node:enabled"));
  }
  const draw = () => {
    if (!graph.clientWidth || !data.nodes.length) return;
    const width = graph.clientWidth;
    const sides = width < PHONE ? SIDES.phone : SIDES.wide;
    const fewest = arrange(drawing, data, width, sides.at(-1)).lines;
    let sizes;
    for (const thumb of sides) {
      sizes = arrange(drawing, data, width, thumb);
      // A graph that is spread is to be seen as a whole; another one is read line by line.
      const whole = sizes.lines === fewest && !data.spread;
      const low = sizes.height <= HIGH * window.innerHeight || whole;
      if (sizes.width <= width && low) break;
    }
    drawing.style.height = `${sizes.height}px`;
    drawing.style.width = `${sizes.width}px`;
    place(drawing, data, sizes);
    connect(drawing, data, sizes);
  };
  draw();
  WATCHED.get(graph)?.disconnect();
  const watch = new ResizeObserver(draw);
  watch.observe(graph);
  WATCHED.set(graph, watch);
  graph.onkeydown = (event) => {
    const from = made.indexOf(event.target.closest(".node"));
    const next = from < 0 ? undefined : neighbour(drawing, data, from, event.key);
    if (!next) return;
    event.preventDefault();
    enter(drawing, next);
    next.focus();
  };
  graph.onclick = (event) => {
    const edge = event.target.closest(".hit");
    if (edge) return void setTriggerValue("open", edge.dataset.id);
    const node = event.target.closest(".node");
    if (!node || node.disabled) return;
    enter(drawing, node);
    setTriggerValue("open", node.dataset.id);
  };
}
