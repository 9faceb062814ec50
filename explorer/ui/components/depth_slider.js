// A slider over the layers of a network, with an example image of each layer above it.

export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".depth");
  const row = box.querySelector(".examples");
  const slider = box.querySelector("input");
  const stops = data.stops;
  const shown = stops.filter((stop) => stop.example);
  if (box.dataset.set !== data.set) {
    box.dataset.set = data.set;
    row.replaceChildren(...shown.map(make));
    slider.max = stops.length - 1;
    slider.value = data.selected;
  }
  if (box.dataset.selected !== String(data.selected)) slider.value = data.selected;
  box.dataset.selected = data.selected;
  shown.forEach((stop, at) => paint(row.children[at], stop.picture));
  box.style.setProperty("--count", shown.length);
  box.style.setProperty("--track", `linear-gradient(90deg, ${stops.map((it) => it.colour).join(", ")})`);
  const look = () => {
    const stop = stops[Number(slider.value)];
    slider.setAttribute("aria-valuetext", stop.words);
    box.querySelector(".ends b").textContent = stop.name;
    box.style.setProperty("--colour", stop.colour);
    for (const each of row.children) each.classList.toggle("chosen", each.dataset.name === stop.name);
  };
  const pick = () => {
    look();
    setTriggerValue("pick", stops[Number(slider.value)].name);
  };
  slider.oninput = look;
  slider.onchange = pick;
  row.onclick = (event) => {
    const example = event.target.closest(".example");
    if (!example) return;
    slider.value = stops.findIndex((stop) => stop.name === example.dataset.name);
    pick();
  };
  look();
}
