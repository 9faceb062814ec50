// An image in which a position is chosen with a click, or with the arrow keys and Enter.

// Distance that one press of an arrow key moves the mark, as a fraction of the image's size.
const STEP = 0.05;

const within = (share) => Math.min(Math.max(share, 0), 0.9999);

function put(element, place) {
  element.hidden = !place;
  if (!place) return;
  const [top, left, bottom, right] = place;
  element.style.top = `${100 * top}%`;
  element.style.left = `${100 * left}%`;
  if (bottom === undefined) return;
  element.style.height = `${100 * (bottom - top)}%`;
  element.style.width = `${100 * (right - left)}%`;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".pick");
  const image = box.querySelector("img");
  box.setAttribute("aria-label", data.label);
  if (image.getAttribute("src") !== data.picture) image.src = data.picture;
  box.style.aspectRatio = data.proportion;
  put(box.querySelector(".field"), data.field);
  const place = box.querySelector(".place");
  put(place, data.place);
  let here = data.place;
  const send = (row, col) => setTriggerValue("pick", `${row.toFixed(4)} ${col.toFixed(4)}`);
  box.onclick = (event) => {
    const frame = box.getBoundingClientRect();
    const row = within((event.clientY - frame.top) / frame.height);
    const col = within((event.clientX - frame.left) / frame.width);
    put(place, [row, col]);
    send(row, col);
  };
  box.onkeydown = (event) => {
    const step = {
      ArrowUp: [-STEP, 0],
      ArrowDown: [STEP, 0],
      ArrowLeft: [0, -STEP],
      ArrowRight: [0, STEP],
    }[event.key];
    if (step) {
      const [row, col] = here ?? [0.5, 0.5];
      here = [within(row + step[0]), within(col + step[1])];
      put(place, here);
      event.preventDefault();
    } else if ((event.key === "Enter" || event.key === " ") && here) {
      send(...here);
      event.preventDefault();
    }
  };
}
