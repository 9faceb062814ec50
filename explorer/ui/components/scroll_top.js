// Scrolls to the top of the page, once for each element that contains this component.

const DONE = new WeakSet();

export default function ({ parentElement }) {
  if (DONE.has(parentElement)) return;
  DONE.add(parentElement);
  document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
}
