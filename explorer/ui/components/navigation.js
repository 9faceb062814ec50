// Completes Streamlit's navigation: says which menu has the open page, which Streamlit marks only
// for links, and writes the page's name behind the menus; gives the button that opens the navigation
// on a phone its visible name; and takes the roles of a list from the navigation on a phone, whose
// sections are no items of a list. With nothing in focus, the keys that scroll a page do so, too:
// here a part of the page scrolls, not the document.

let menu = 0;
let here = "";

function complete() {
  document.querySelectorAll('[data-testid="stTopNav"] > *').forEach((item, at) => {
    const button = item.querySelector('[data-testid="stTopNavSection"]');
    if (!button) return;
    if (at + 1 === menu) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  });
  // The rules of all pages write it behind the menus.
  document.querySelector('[data-testid="stTopNav"]')?.setAttribute("data-here", here);
  document.querySelector('[data-testid="stExpandSidebarButton"]')?.setAttribute("aria-label", "Menu");
  for (const list of document.querySelectorAll('[data-testid="stSidebarNavItems"]')) {
    list.setAttribute("role", "group");
    for (const item of list.querySelectorAll("li")) item.setAttribute("role", "none");
  }
}

const LINE = 60;
const WHOLE_PAGES = { PageDown: 0.9, PageUp: -0.9, " ": 0.9, End: Infinity, Home: -Infinity };

function scroll(event) {
  const main = document.querySelector('[data-testid="stMain"]');
  if (!main || event.target !== document.body || event.ctrlKey || event.altKey || event.metaKey) return;
  const { key } = event;
  if (key in WHOLE_PAGES) {
    const by = WHOLE_PAGES[key] * main.clientHeight;
    main.scrollTop = Math.min(Math.max(main.scrollTop + by, 0), main.scrollHeight);
  } else if (key === "ArrowDown" || key === "ArrowUp") {
    main.scrollTop += key === "ArrowDown" ? LINE : -LINE;
  } else return;
  event.preventDefault();
}

// Streamlit builds the navigation anew when the width of the window changes.
const watch = new MutationObserver(complete);

export default function ({ data }) {
  ({ menu, here } = data);
  complete();
  document.addEventListener("keydown", scroll);
  watch.observe(document.body, { childList: true, subtree: true });
}
