// An original on top of its result. The elements are changed in place, so that the slider keeps its
// position when the result changes.

const FIRST = 25;
// If the visible part of an image is narrower than this, in percent of the width, its label is
// hidden, because the label would cover that part.
const MARGIN = 14;

function show(image, url) {
  image.hidden = !url;
  if (url && image.getAttribute("src") !== url) image.src = url;
}

export default function ({ data, parentElement }) {
  const box = parentElement.querySelector(".compare");
  const slider = box.querySelector("input");
  if (box.dataset.set !== data.set) {
    box.dataset.set = data.set;
    slider.value = FIRST;
  }
  box.style.aspectRatio = data.proportion;
  box.style.setProperty("--widest", data.widest);
  show(box.querySelector(".before"), data.before);
  show(box.querySelector(".after"), data.after);
  box.querySelector(".after").alt = data.label;
  box.querySelector(".tag.right").textContent = data.word;
  box.dataset.state = data.state;
  const place = () => {
    const at = Number(slider.value);
    box.style.setProperty("--at", `${at}%`);
    slider.setAttribute("aria-valuetext", `${at} percent of the picture before`);
    box.querySelector(".left").style.opacity = at < MARGIN ? 0 : 1;
    box.querySelector(".right").style.opacity = at > 100 - MARGIN ? 0 : 1;
  };
  // While there is no result, only the original is shown, without the slider.
  for (const part of [".line", ".tag.left", ".tag.right", "input"]) {
    box.querySelector(part).hidden = !data.after;
  }
  slider.oninput = place;
  place();
  if (!data.after) box.style.setProperty("--at", "100%");
}
