// The report in a notebook: the page itself, in a frame of its own, opened at a layer or a unit. The
// frame has no access to the notebook, and the page fetches nothing.

interface Model {
  get(name: string): unknown;
}

async function unpacked(gzipped: DataView): Promise<string> {
  const bytes = new Uint8Array(gzipped.buffer as ArrayBuffer, gzipped.byteOffset, gzipped.byteLength);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

async function render({ model, el }: { model: Model; el: HTMLElement }): Promise<() => void> {
  const page = await unpacked(model.get("page") as DataView);
  const address = URL.createObjectURL(new Blob([page], { type: "text/html" }));
  const frame = document.createElement("iframe");
  frame.title = String(model.get("title"));
  frame.setAttribute("sandbox", "allow-scripts allow-downloads");
  frame.allow = "camera";
  Object.assign(frame.style, { width: "100%", height: `${Number(model.get("height"))}px`, border: "1px solid #8886", borderRadius: "8px" });
  frame.src = `${address}${String(model.get("address"))}`;
  // The pictures that stand there for readers without scripts give way, wherever the notebook keeps them.
  const style = document.createElement("style");
  style.textContent = `.${String(model.get("instead_of"))} { display: none; }`;
  el.replaceChildren(style, frame);
  return () => URL.revokeObjectURL(address);
}

export default { render };
