// For components that show names of layers.

// Shows a text that may be divided into lines after the dots and underscores of names, such as
// "features.9.squeeze_activation"; what is read, copied or searched is the text itself.
function showName(element, text) {
  if (element.textContent === text) return;
  const parts = text.split(/(?<=[a-z][._])(?=[a-z\d])|(?<=\d[._])(?=[a-z])/i);
  const breaks = parts.flatMap((part, at) => (at ? [document.createElement("wbr"), part] : [part]));
  element.replaceChildren(...breaks);
}
