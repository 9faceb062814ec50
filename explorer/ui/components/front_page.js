// The home page: pictures of units from shallow to deep, and pictures of all pages. All of them are
// links, which can be opened in a new tab; a normal click opens the page in the same tab.

function element(kind, name, parent, text) {
  const made = document.createElement(kind);
  made.className = name;
  if (text) made.textContent = text;
  return parent ? parent.appendChild(made) : made;
}

function image(parent, url, alt) {
  const made = element("img", "", parent);
  made.alt = alt;
  made.draggable = false;
  made.src = url;
  return made;
}

function link(name, state, parent) {
  const made = element("a", name, parent);
  made.href = state.href;
  made.dataset.id = state.id;
  return made;
}

function column(state, parent) {
  const made = element("div", "column", parent);
  made.style.setProperty("--colour", state.colour);
  for (const each of state.pictures) image(link("neuron", each, made), each.url, each.label);
  element("span", "layer", made, state.name);
}

function page(state, parent) {
  const made = link("page", state, parent);
  const frame = element("span", "cover", made);
  if (state.url) image(frame, state.url, "");
  const words = element("span", "words", made);
  element("b", "", words, state.title);
  element("small", "", words, state.line);
}

// A row of sections. If it has only a few links, their words are beside their pictures.
function row(sections, parent) {
  const count = sections.reduce((sum, each) => sum + each.pages.length, 0);
  const made = element("div", count < 3 ? "row few" : "row", parent);
  made.style.setProperty("--count", count);
  for (const each of sections) {
    const section = element("section", "section", made);
    section.style.setProperty("--span", each.pages.length);
    element("h2", "", section, each.title);
    for (const it of each.pages) page(it, section);
  }
}

const SHOWN = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const home = parentElement.querySelector(".home");
  const digest = JSON.stringify(data);
  if (SHOWN.get(home) !== digest) {
    SHOWN.set(home, digest);
    const columns = home.querySelector(".columns");
    const pages = home.querySelector(".pages");
    columns.replaceChildren();
    pages.replaceChildren();
    for (const each of data.columns) column(each, columns);
    for (const each of data.rows) row(each, pages);
  }
  home.onclick = (event) => {
    const chosen = event.target.closest("a");
    if (!chosen || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    setTriggerValue("go", chosen.dataset.id);
  };
}
