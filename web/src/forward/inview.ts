// Tells an element when it comes into the window and when it leaves it: what is not seen is not drawn.

type Told = (seen: boolean) => void;
const told = new WeakMap<Element, Told>();
const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) told.get(target)?.(isIntersecting);
}, { rootMargin: "80px" });

export function inview(node: Element, tell: Told): { destroy: () => void } {
  told.set(node, tell);
  observer.observe(node);
  return { destroy: () => observer.unobserve(node) };
}
