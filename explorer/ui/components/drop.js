// Accepts pictures that are dropped or pasted anywhere on the page, or chosen in a popover. Of a
// dropped PNG that was made here, its text chunks with the recipe are sent. Other pictures are put
// into an upload field of the page.

const LARGEST = 64 * 2 ** 20;
const LONGEST = 200_000;
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const WANTED = ["recipe", "part"];
const mounted = new WeakMap();

class Problem extends Error {}

// Returns the text chunks of a PNG that was made here; null for any other file.
async function read(file) {
  if (file.size > LARGEST) throw new Problem(`it is larger than ${LARGEST / 2 ** 20} MB`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!SIGNATURE.every((byte, place) => bytes[place] === byte)) return null;
  const found = {};
  for (const data of texts(bytes)) {
    const [keyword, text] = await decode(data);
    if (WANTED.includes(keyword) && !(keyword in found)) found[keyword] = text;
  }
  return "recipe" in found ? found : null;
}

// Returns the contents of all iTXt chunks (Unicode text) of a PNG.
function* texts(bytes) {
  const view = new DataView(bytes.buffer);
  for (let start = SIGNATURE.length; ; ) {
    if (start + 12 > bytes.length) throw new Problem("the file is damaged");
    const length = view.getUint32(start);
    const kind = String.fromCharCode(...bytes.subarray(start + 4, start + 8));
    const end = start + 8 + length;
    if (end + 4 > bytes.length) throw new Problem("the file is damaged");
    if (kind === "IEND") return;
    if (kind === "iTXt") yield bytes.subarray(start + 8, end);
    start = end + 4;
  }
}

// Reads an iTXt chunk: keyword, compression flag and method, language, translated keyword, text.
async function decode(data) {
  const keywordEnd = data.indexOf(0);
  const languageEnd = data.indexOf(0, keywordEnd + 3);
  const translatedEnd = data.indexOf(0, languageEnd + 1);
  if (keywordEnd < 0 || languageEnd < 0 || translatedEnd < 0) {
    throw new Problem("the file is damaged");
  }
  const decoder = new TextDecoder();
  const keyword = decoder.decode(data.subarray(0, keywordEnd));
  if (!WANTED.includes(keyword)) return [keyword, ""];
  const plain = data.subarray(translatedEnd + 1);
  const text = data[keywordEnd + 1] ? await inflate(plain) : plain;
  if (text.length > LONGEST) throw new Problem("what it says of how it was made is too long");
  return [keyword, decoder.decode(text)];
}

// A small malicious file can decompress to a very long text, so reading stops at a limit.
async function inflate(bytes) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const pieces = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || length > LONGEST) break;
      pieces.push(value);
      length += value.length;
    }
  } catch {
    throw new Problem("the file is damaged");
  }
  reader.cancel();
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

// Milliseconds between two looks at the upload fields, and after which none is waited for any more.
const LOOK = 100;
const PATIENCE = 60_000;

// All invisible upload fields of the page. While the page runs, Streamlit retains the fields that new
// ones replace; nobody reads them.
const allFields = ({ zones }) =>
  [...document.querySelectorAll(`[class*="st-key-${zones}"] input[type="file"]`)]
    .filter((it) => !it.closest("[data-retained]"));

// Those for what is dropped on the page: one for each choice of a picture, else that of the page.
function fields(data) {
  const { zones, aside, fallback } = data;
  const found = allFields(data).filter((it) => !it.closest(`[class*="st-key-${zones}${aside}"]`));
  const chosen = found.filter((it) => !it.closest(`.st-key-${zones}${fallback}`));
  return chosen.length ? chosen : found;
}

// The name of the choice that a field belongs to: the rest of its container's class.
function choiceOf(field, { zones, aside }) {
  const key = `st-key-${zones}`;
  const classes = [...field.closest(`[class*="${key}"]`).classList];
  const name = classes.find((it) => it.startsWith(key)).slice(key.length);
  return name.startsWith(aside) ? name.slice(aside.length) : name;
}

const nameOf = (field) =>
  field.closest('[data-testid="stFileUploader"]')?.querySelector("label")?.textContent ?? "";

// A picture without a useful name: browsers call everything that is pasted "image.png".
function renamed(file) {
  const kind = file.type.split("/")[1];
  return new File([file], `pasted picture.${kind === "jpeg" ? "jpg" : kind}`, { type: file.type });
}

// Checks what the upload fields would refuse without a word, as they are invisible.
function check(file, data) {
  const ending = file.name.split(".").pop().toLowerCase();
  if (!data.kinds.includes(ending)) throw new Problem("it is no picture that can be opened here");
  if (file.size > data.largest * 2 ** 20) throw new Problem(`it is larger than ${data.largest} MB`);
}

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Waits until a condition holds; returns what it returned, or undefined after too long.
async function until(condition) {
  for (let spent = 0; spent < PATIENCE; spent += LOOK) {
    const found = condition();
    if (found) return found;
    await wait(LOOK);
  }
  return undefined;
}

// Puts files into an upload field, as if a visitor had chosen them there.
function hand(field, files) {
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  field.files = transfer.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

// Takes what was dropped, pasted or chosen. Returns what to send; null if the pictures are uploaded.
async function take(files, place, data, overlay, opens) {
  let file = files[0];
  try {
    if (opens && files.length === 1) {
      const recipe = await read(file);
      if (recipe) return { name: file.name, ...recipe };
    }
    // One more than are taken, so that the page tells that they are too many.
    const chosen = files.slice(0, data.most + 1);
    for (file of chosen) check(file, data);
    overlay.say(chosen.length > 1 ? `Opening ${chosen.length} pictures ...` : "Opening it ...");
    const field = await until(place);
    if (!field) throw new Problem("the page did not open; try it again");
    hand(field, chosen);
    // When the page has taken the files, it replaces the field by an empty one.
    await until(() => !field.isConnected);
    return null;
  } catch (error) {
    const words = error instanceof Problem ? error.message : "it cannot be read";
    const several = files.length > 1 ? `${file.name}: ` : "";
    return { name: file.name, problem: several + words };
  } finally {
    overlay.hide();
  }
}

// The layer above the page: the zones that files can be dropped on, or a sentence.
function layer(element) {
  const open = (shown) => {
    if (element.matches(":popover-open") !== shown) element.togglePopover(shown);
  };
  const zone = (title, words) => {
    const box = document.createElement("div");
    box.className = "zone";
    box.appendChild(document.createElement("b")).textContent = title;
    box.appendChild(document.createElement("span")).textContent = words;
    return box;
  };
  return {
    offer(labels, over) {
      const key = JSON.stringify(labels);
      if (element.dataset.zones !== key) {
        const note = "A picture that was made here opens with its settings.";
        const boxes = labels.map((it) =>
          labels.length > 1 ? zone(it, "Drop a picture here") : zone("Drop a picture", it),
        );
        boxes[0].lastChild.append(document.createElement("br"), note);
        element.replaceChildren(...boxes);
        element.dataset.zones = key;
      }
      [...element.children].forEach((it, at) => it.classList.toggle("over", at === over));
      open(true);
    },
    say(words) {
      element.replaceChildren(zone(words, ""));
      delete element.dataset.zones;
      open(true);
    },
    hide: () => open(false),
  };
}

const brings = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
// The visible upload field of Streamlit's that files are dragged over.
const visibleField = (event) =>
  event.composedPath().find((it) => it.dataset?.testid === "stFileUploaderDropzone");
const writing = (element) =>
  element?.matches?.('input:not([type="range"]), textarea, [contenteditable="true"]');

// Finds the upload field outside of the popover for what is chosen, dropped or photographed in one:
// when the popover closes, the fields in it are removed, and with them what they have not sent yet.
// Returns a function that finds it also later; undefined if there is none.
function outside(element, data) {
  const belongs = (choice) =>
    element.closest(`[class*="st-key-${choice}-file-"], [class*="st-key-${choice}-photo-"]`);
  if (!element.closest('[data-testid="stPopoverBody"]')) return undefined;
  const choice = allFields(data).map((it) => choiceOf(it, data)).find(belongs);
  return choice && (() => allFields(data).find((it) => choiceOf(it, data) === choice));
}

// The picture that the camera shows now.
function photograph(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  const done = (made) => (blob) => made(new File([blob], "photo.jpg", { type: blob.type }));
  return new Promise((made) => canvas.toBlob(done(made), "image/jpeg", 1));
}

function listen(overlay, signal, data, drop) {
  // Zones share the width of the window.
  const zoneAt = (event, zones) =>
    Math.min(zones - 1, Math.floor((event.clientX / window.innerWidth) * zones));
  const over = (event) => {
    if (!brings(event)) return;
    const labels = fields(data).map(nameOf);
    if (visibleField(event)) return overlay.hide();
    event.preventDefault();
    overlay.offer(labels.length ? labels : [""], zoneAt(event, labels.length || 1));
  };
  const options = { signal, capture: true };
  document.addEventListener("dragenter", over, options);
  document.addEventListener("dragover", over, options);
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? overlay.hide(), options);
  document.addEventListener("dragend", () => overlay.hide(), options);
  document.addEventListener(
    "drop",
    (event) => {
      overlay.hide();
      const field = visibleField(event);
      const place = field && outside(field, data);
      if (!brings(event) || (field && !place)) return;
      event.preventDefault();
      event.stopPropagation();
      const at = zoneAt(event, fields(data).length || 1);
      drop([...event.dataTransfer.files], place ?? (() => fields(data)[at] ?? fields(data)[0]), !field);
      field?.dispatchEvent(new DragEvent("dragleave", { bubbles: true })); // it is no longer marked
    },
    options,
  );
  document.addEventListener(
    "paste",
    (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length || writing(event.composedPath()[0])) return;
      event.preventDefault();
      // A choice under the pointer gets the picture, else the first one of the page.
      const pointed = (it) => document.querySelector(`.st-key-choose-${choiceOf(it, data)}:hover`);
      const named = files.map((it) => (it.name === "image.png" ? renamed(it) : it));
      drop(named, () => fields(data).find(pointed) ?? fields(data)[0]);
    },
    options,
  );
  document.addEventListener(
    "change",
    (event) => {
      const field = event.target;
      const place = field.type === "file" && outside(field, data);
      if (!place) return;
      event.stopImmediatePropagation();
      drop([...field.files], place, false);
      field.value = "";
    },
    options,
  );
  document.addEventListener(
    "click",
    async (event) => {
      const button = event.target.closest?.('[data-testid="stCameraInputButton"]');
      const video = button?.closest('[data-testid="stCameraInput"]').querySelector("video");
      const place = video?.videoWidth && outside(button, data);
      if (!place) return;
      event.stopImmediatePropagation();
      drop([await photograph(video)], place, false);
    },
    options,
  );
}

// What was dropped before has to be taken first: the field that it is in takes nothing else.
let taken = Promise.resolve();

export default function ({ data, parentElement, setTriggerValue }) {
  mounted.get(parentElement)?.abort();
  const listening = new AbortController();
  mounted.set(parentElement, listening);
  const overlay = layer(parentElement.querySelector(".drop"));
  listen(overlay, listening.signal, data, (files, place, opens = true) => {
    if (!files.length) return;
    taken = taken.then(async () => {
      const sent = await take(files, place, data, overlay, opens);
      if (sent) setTriggerValue("drop", JSON.stringify(sent));
    });
  });
  return () => listening.abort();
}
