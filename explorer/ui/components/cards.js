// The cards of the gallery. Every call gets all cards; the elements of the page are changed in
// place, so that pictures that stay the same are not loaded again.

function element(kind, name, parent) {
  const made = document.createElement(kind);
  made.className = name;
  return parent ? parent.appendChild(made) : made;
}

function make() {
  const card = element("article", "card");
  const open = element("button", "open", card);
  open.type = "button";
  element("span", "cover", open);
  element("span", "name", open);
  element("span", "note", open);
  const choose = element("label", "choose", card);
  element("input", "", choose).type = "checkbox";
  const star = element("button", "star", card);
  star.type = "button";
  return card;
}

function patch(card, state) {
  card.dataset.id = state.id;
  card.classList.toggle("chosen", state.chosen);
  card.querySelector(".open").setAttribute("aria-label", `Open ${state.name}: ${state.note}`);
  card.querySelector(".name").textContent = state.name;
  card.querySelector(".name").title = state.name;
  card.querySelector(".note").textContent = state.note;
  const box = card.querySelector("input");
  box.checked = state.chosen;
  box.setAttribute("aria-label", `Choose ${state.name}`);
  shine(card.querySelector(".star"), state.starred, state.name);
  cover(card.querySelector(".cover"), state.pictures);
}

function shine(star, starred, name) {
  star.setAttribute("aria-pressed", String(starred));
  star.setAttribute("aria-label", `Star ${name}`);
  star.textContent = starred ? "★" : "☆";
}

function cover(frame, pictures) {
  frame.classList.toggle("one", pictures.length === 1);
  while (frame.children.length > pictures.length) frame.lastElementChild.remove();
  pictures.forEach((picture, place) => {
    const image = frame.children[place] ?? frame.appendChild(document.createElement("img"));
    image.alt = ""; // the label of the card describes it
    image.draggable = false;
    image.className = picture.kind;
    if (image.src !== picture.url) image.src = picture.url;
  });
}

// The arrow keys move from card to card, whichever of a card's buttons has the focus.
function move(cards, event) {
  const columns = getComputedStyle(cards).gridTemplateColumns.split(" ").length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const all = [...cards.children];
  const next = step && all[all.indexOf(event.target.closest(".card")) + step];
  if (!next) return;
  event.preventDefault();
  next.querySelector(".open").focus();
}

export default function ({ data, parentElement, setTriggerValue }) {
  const cards = parentElement.querySelector(".cards");
  cards.setAttribute("aria-label", data.label);
  while (cards.children.length > data.cards.length) cards.lastElementChild.remove();
  data.cards.forEach((state, place) => {
    patch(cards.children[place] ?? cards.appendChild(make()), state);
  });
  cards.onclick = (event) => {
    const card = event.target.closest(".card");
    const button = event.target.closest("button");
    if (!card || !button) return;
    const star = button.classList.contains("star");
    // The star changes immediately; the server would answer only after some time.
    if (star) shine(button, button.getAttribute("aria-pressed") !== "true", "it");
    setTriggerValue("act", `${star ? "star" : "open"} ${card.dataset.id}`);
  };
  cards.onkeydown = (event) => move(cards, event);
  cards.onchange = (event) => {
    const card = event.target.closest(".card");
    card.classList.toggle("chosen", event.target.checked);
    setTriggerValue("act", `choose ${card.dataset.id}`);
  };
}
