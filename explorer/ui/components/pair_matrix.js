// A square with a cell for each pair of neurons. Beneath it stand the two neurons of the cell under
// the pointer, or of the cell that the arrow keys have reached.

function put(element, place, count) {
  element.hidden = !place;
  if (!place) return;
  const [row, col] = place;
  element.style.top = `${(100 * row) / count}%`;
  element.style.left = `${(100 * col) / count}%`;
  element.style.height = element.style.width = `${100 / count}%`;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".pairs");
  const image = box.querySelector("img");
  const words = parentElement.querySelector(".words");
  const here = box.querySelector(".here");
  const count = data.names.length;
  const marked = data.marked && [data.marked, [data.marked[1], data.marked[0]]];
  const within = (at) => Math.min(Math.max(at, 0), count - 1);
  if (image.getAttribute("src") !== data.picture) image.src = data.picture;
  box.setAttribute("aria-label", data.label);
  box.classList.toggle("chosen", data.chosen);
  const scale = parentElement.querySelector(".scale");
  for (const it of [box, scale, words]) it.style.maxWidth = `${data.side}px`;
  scale.querySelectorAll("span").forEach((it, at) => (it.textContent = data.ends[at]));
  scale.querySelector("i").style.background = `linear-gradient(90deg, ${data.colours})`;
  box.querySelectorAll(".mark").forEach((mark, at) => put(mark, marked?.[at], count));
  // What is pointed at stays when the page runs again.
  let place = JSON.parse(box.dataset.place ?? "null");
  const show = (next) => {
    place = next;
    box.dataset.place = JSON.stringify(place);
    put(here, place, count);
    const told = place ?? data.marked;
    words.textContent = data.hint;
    if (!told) return;
    const [row, col] = told;
    const both = row === col ? data.names[row] : `${data.names[row]} and ${data.names[col]}`;
    words.textContent = `${both}: ${data.values[count * row + col]}`;
  };
  const pick = () => {
    if (data.chosen && place && place[0] !== place[1]) setTriggerValue("pick", place.join(" "));
  };
  const point = (event) => {
    const frame = box.getBoundingClientRect();
    const row = Math.floor((count * (event.clientY - frame.top)) / frame.height);
    const col = Math.floor((count * (event.clientX - frame.left)) / frame.width);
    show([within(row), within(col)]);
  };
  show(place?.every((at) => at < count) ? place : null);
  box.onpointermove = point;
  box.onpointerleave = (event) => event.pointerType === "mouse" && show(null);
  box.onblur = () => show(null);
  box.onclick = (event) => {
    point(event);
    pick();
  };
  box.onkeydown = (event) => {
    const step = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    }[event.key];
    if (step) {
      const [row, col] = place ?? data.marked ?? [0, 0];
      show([within(row + step[0]), within(col + step[1])]);
      event.preventDefault();
    } else if (event.key === "Enter" || event.key === " ") {
      pick();
      event.preventDefault();
    }
  };
}
