// For two components: a row of example images of a network's layers, above sliders over the layers.

function make(stop) {
  const example = document.createElement("span");
  example.className = "example";
  example.append(document.createElement("span"), document.createElement("span"));
  example.children[0].className = "frame";
  example.children[1].className = "name";
  example.children[1].textContent = stop.name;
  example.dataset.name = stop.name;
  example.title = stop.words;
  example.style.setProperty("--colour", stop.colour);
  return example;
}

function paint(example, picture) {
  const frame = example.querySelector(".frame");
  if (!picture || frame.querySelector("img")?.getAttribute("src") === picture) return;
  const image = document.createElement("img");
  image.alt = ""; // the labels of the sliders describe the layers
  image.draggable = false;
  image.src = picture;
  frame.replaceChildren(image);
}
