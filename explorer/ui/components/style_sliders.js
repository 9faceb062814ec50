// Two sliders over the layers of a network: one chooses the first and the last style layer, the
// other the content layer. Above the sliders are example units of the layers.

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".style-sliders");
  const row = box.querySelector(".examples");
  const { stops } = data;
  const places = stops.map((_, at) => at).filter((at) => stops[at].example);
  const [first, last, only] = ["first", "last", "only"].map((it) => box.querySelector(`.${it}`));
  const chosen = JSON.stringify([data.style, data.content]);
  if (box.dataset.set !== data.set) {
    box.dataset.set = data.set;
    row.replaceChildren(...places.map((at) => make(stops[at])));
    for (const slider of [first, last, only]) slider.max = stops.length - 1;
    first.setAttribute("aria-label", "Style from");
    last.setAttribute("aria-label", "Style to");
    only.setAttribute("aria-label", "Content at");
    box.dataset.chosen = "";
  }
  if (box.dataset.chosen !== chosen) {
    box.dataset.chosen = chosen;
    [first.value, last.value, only.value] = [...data.style, data.content];
  }
  places.forEach((at, place) => paint(row.children[place], stops[at].picture));
  box.style.setProperty("--count", places.length);
  box.style.setProperty("--track", `linear-gradient(90deg, ${stops.map((it) => it.colour).join(", ")})`);

  const look = () => {
    const [from, to, at] = [first, last, only].map((slider) => Number(slider.value));
    for (const slider of [first, last, only]) {
      const stop = stops[Number(slider.value)];
      slider.setAttribute("aria-valuetext", stop.words);
      slider.style.setProperty("--colour", stop.colour);
    }
    // If both thumbs are at the deepest layer, the thumb of the first style layer is on top,
    // because only this thumb can move.
    first.style.zIndex = from === to && from === stops.length - 1 ? 2 : 1;
    const most = Math.max(stops.length - 1, 1);
    box.style.setProperty("--from", from / most);
    box.style.setProperty("--to", to / most);
    const names = [...new Set([stops[from].name, stops[to].name])];
    box.querySelector(".style .layer-names").textContent = names.join(" to ");
    box.querySelector(".content .layer-names").textContent = stops[at].name;
    places.forEach((place, it) => {
      row.children[it].classList.toggle("styles", from <= place && place <= to);
      row.children[it].classList.toggle("contents", place === at);
    });
  };
  const style = () => setTriggerValue("pick", `style ${stops[first.value].name} ${stops[last.value].name}`);
  first.oninput = () => {
    if (Number(first.value) > Number(last.value)) first.value = last.value;
    look();
  };
  last.oninput = () => {
    if (Number(last.value) < Number(first.value)) last.value = first.value;
    look();
  };
  only.oninput = look;
  first.onchange = style;
  last.onchange = style;
  only.onchange = () => setTriggerValue("pick", `content ${stops[only.value].name}`);
  look();
}
