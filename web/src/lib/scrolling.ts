// What scrolls by itself is reached by the keyboard too.

/** Makes an element a tab stop for as long as its content is wider than itself. */
export function scrolling(node: HTMLElement): { destroy: () => void } {
  const settle = (): void => {
    if (node.scrollWidth > node.clientWidth) node.tabIndex = 0;
    else node.removeAttribute("tabindex");
  };
  const changes = new ResizeObserver(settle);
  changes.observe(node);
  for (const child of node.children) changes.observe(child);
  return { destroy: () => changes.disconnect() };
}
