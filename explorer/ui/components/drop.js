// Accepts a PNG that is dropped anywhere on the page, and sends its text chunks with the recipe.

const LARGEST = 64 * 2 ** 20;
const LONGEST = 200_000;
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const WANTED = ["recipe", "part"];
const mounted = new WeakMap();

class Problem extends Error {}

async function read(file) {
  if (file.size > LARGEST) throw new Problem(`it is larger than ${LARGEST / 2 ** 20} MB`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!SIGNATURE.every((byte, place) => bytes[place] === byte)) {
    throw new Problem("it is no PNG, and only a PNG that was made here says how it was made");
  }
  const found = {};
  for (const data of texts(bytes)) {
    const [keyword, text] = await decode(data);
    if (WANTED.includes(keyword) && !(keyword in found)) found[keyword] = text;
  }
  if (!("recipe" in found)) throw new Problem("it does not say how it was made");
  return found;
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

async function message(files) {
  if (files.length !== 1) return { problem: "only one picture can be opened at a time" };
  try {
    return { name: files[0].name, ...(await read(files[0])) };
  } catch (error) {
    const known = error instanceof Problem;
    return { name: files[0].name, problem: known ? error.message : "it cannot be read" };
  }
}

const brings = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
// A file that is dropped on one of Streamlit's upload fields is handled by that field.
const elsewhere = (event) =>
  event.composedPath().some((it) => it.dataset?.testid === "stFileUploaderDropzone");

function listen(overlay, signal, drop) {
  const show = (shown) => {
    if (overlay.matches(":popover-open") !== shown) overlay.togglePopover(shown);
  };
  const over = (event) => {
    if (!brings(event)) return;
    show(!elsewhere(event));
    if (!elsewhere(event)) event.preventDefault();
  };
  const options = { signal, capture: true };
  document.addEventListener("dragenter", over, options);
  document.addEventListener("dragover", over, options);
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? show(false), options);
  document.addEventListener("dragend", () => show(false), options);
  document.addEventListener(
    "drop",
    (event) => {
      show(false);
      if (!brings(event) || elsewhere(event)) return;
      event.preventDefault();
      event.stopPropagation();
      drop(event.dataTransfer.files);
    },
    options,
  );
}

export default function ({ parentElement, setTriggerValue }) {
  mounted.get(parentElement)?.abort();
  const listening = new AbortController();
  mounted.set(parentElement, listening);
  listen(parentElement.querySelector(".drop"), listening.signal, async (files) => {
    setTriggerValue("drop", JSON.stringify(await message(files)));
  });
  return () => listening.abort();
}
