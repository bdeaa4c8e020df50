// What can wait until the next frame has been drawn.

import { onMount } from "svelte";

/** Run `then` once the next frame is drawn; what it gives calls that off. */
export function afterFrame(then: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const frame = requestAnimationFrame(() => (timer = setTimeout(then)));
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
}

/** Called while a component is built: `then` runs once its first frame is drawn, unless it is gone. */
export function afterFirstFrame(then: () => void): void {
  onMount(() => afterFrame(then));
}
