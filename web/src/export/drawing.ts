// A figure on the page as one SVG: its boxes, texts, maps and lines where they stand, with nothing left to load.

const SVG = "http://www.w3.org/2000/svg";
/** What makes up the look of shapes inside a figure's own SVG. */
const SHAPE_STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "opacity", "font-family", "font-size", "font-weight", "text-anchor"] as const;

function element(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, `${value}`);
  return made;
}
const visible = (colour: string): boolean => colour !== "transparent" && !/,\s*0\)$|\/\s*0\)$/.test(colour);

/** The baseline of text lies so far below the top of its line, as a share of the line's height. */
function baseline(style: CSSStyleDeclaration): number {
  const pen = document.createElement("canvas").getContext("2d")!;
  pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = pen.measureText("x");
  return up / (up + down);
}

/** One text node as its lines. */
function texts(node: Text, origin: DOMRect): SVGElement[] {
  const style = getComputedStyle(node.parentElement!);
  const lines: { text: string; box: DOMRect }[] = [];
  const range = document.createRange();
  for (let i = 0; i < node.data.length; i++) {
    range.setStart(node, i);
    range.setEnd(node, i + 1);
    const box = range.getClientRects()[0];
    if (!box || !box.width || !node.data[i].trim()) continue; // a line ends with its last letter
    const gap = /\s/.test(node.data[i - 1] ?? "") ? " " : "";
    const last = lines.at(-1);
    if (last && Math.abs(last.box.top - box.top) < 2) {
      last.text += gap + node.data[i];
      last.box = new DOMRect(last.box.x, last.box.y, box.right - last.box.x, last.box.height);
    } else lines.push({ text: node.data[i], box });
  }
  return lines.map(({ text, box }) => {
    const made = element("text", {
      x: box.x - origin.x, y: box.y - origin.y + baseline(style) * box.height, fill: style.color, "font-family": style.fontFamily,
      "font-size": style.fontSize, "font-weight": style.fontWeight, textLength: box.width, lengthAdjust: "spacingAndGlyphs",
    });
    made.textContent = text;
    return made;
  });
}

/** The widths of a box's borders: top, right, bottom, left. */
function borders(style: CSSStyleDeclaration): number[] {
  return (["Top", "Right", "Bottom", "Left"] as const).map((side) => (style[`border${side}Style`] === "none" ? 0 : parseFloat(style[`border${side}Width`])));
}

/** A part of a sprite sheet, as an element shows it as its background. */
async function background(node: HTMLElement, style: CSSStyleDeclaration, box: DOMRect): Promise<string | null> {
  const url = /url\("?(data:[^")]+)"?\)/.exec(style.backgroundImage)?.[1];
  if (!url) return null;
  const sheet = new Image();
  sheet.src = url;
  await sheet.decode();
  const [wide, high] = style.backgroundSize.split(" ").map(parseFloat);
  const [left, top] = style.backgroundPosition.split(" ").map(parseFloat);
  const scale = sheet.naturalWidth / wide;
  const copy = document.createElement("canvas");
  copy.width = Math.max(1, Math.round(box.width * scale));
  copy.height = Math.max(1, Math.round((box.height * sheet.naturalHeight) / high));
  copy.getContext("2d")!.drawImage(sheet, left * scale, (top * sheet.naturalHeight) / high);
  return copy.toDataURL();
}

const picture = (href: string, box: DOMRect, origin: DOMRect, smooth: boolean): SVGElement =>
  element("image", {
    href, x: box.x - origin.x, y: box.y - origin.y, width: box.width, height: box.height, preserveAspectRatio: "none",
    style: smooth ? "" : "image-rendering: pixelated",
  });

function ownDrawing(node: SVGSVGElement, box: DOMRect, origin: DOMRect): SVGElement {
  const copy = node.cloneNode(true) as SVGSVGElement;
  const originals = [node, ...node.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((one, i) => {
    const style = getComputedStyle(originals[i]);
    for (const key of SHAPE_STYLES) one.setAttribute(key, style.getPropertyValue(key));
    one.removeAttribute("class");
    one.removeAttribute("style");
  });
  for (const [key, value] of Object.entries({ x: box.x - origin.x, y: box.y - origin.y, width: box.width, height: box.height })) copy.setAttribute(key, `${value}`);
  return copy;
}

async function draw(node: Node, origin: DOMRect, into: SVGElement): Promise<void> {
  if (node instanceof Text) {
    into.append(...texts(node, origin));
    return;
  }
  if (!(node instanceof Element) || node.hasAttribute("data-export-skip")) return;
  const style = getComputedStyle(node);
  const box = node.getBoundingClientRect();
  if (style.display === "none" || style.visibility === "hidden" || !box.width) return;
  if (node instanceof SVGSVGElement) {
    into.append(ownDrawing(node, box, origin));
    return;
  }
  let target = into;
  if (Number(style.opacity) < 1) {
    target = element("g", { opacity: style.opacity });
    into.append(target);
  }
  if (node instanceof HTMLCanvasElement) {
    target.append(picture(node.toDataURL(), box, origin, style.imageRendering !== "pixelated"));
    return;
  }
  const edges = borders(style);
  const edge = edges[0];
  const framed = edge > 0 && edges.every((one) => one === edge) && visible(style.borderTopColor);
  if (visible(style.backgroundColor) || framed)
    target.append(
      element("rect", {
        x: box.x - origin.x, y: box.y - origin.y, width: box.width, height: box.height, rx: parseFloat(style.borderTopLeftRadius) || 0,
        fill: visible(style.backgroundColor) ? style.backgroundColor : "none", stroke: framed ? style.borderTopColor : "none", "stroke-width": framed ? edge : 0,
      }),
    );
  if (!framed)
    [[0, 0, 1, 0], [1, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]].forEach(([x1, y1, x2, y2], side) => {
      const [x, y] = [box.x - origin.x, box.y - origin.y];
      const colour = [style.borderTopColor, style.borderRightColor, style.borderBottomColor, style.borderLeftColor][side];
      if (edges[side] > 0 && visible(colour))
        target.append(element("line", { x1: x + x1 * box.width, y1: y + y1 * box.height, x2: x + x2 * box.width, y2: y + y2 * box.height, stroke: colour, "stroke-width": edges[side] }));
    });
  const tile = node instanceof HTMLElement ? await background(node, style, box) : null;
  if (tile) target.append(picture(tile, box, origin, false));
  if (node instanceof HTMLInputElement) {
    const text = element("text", { x: box.x - origin.x + 6, y: box.y - origin.y + box.height / 2, fill: style.color, "font-family": style.fontFamily, "font-size": style.fontSize, "dominant-baseline": "central" });
    text.textContent = node.value;
    target.append(text);
    return;
  }
  for (const child of node.childNodes) await draw(child, origin, target);
  const rim = parseFloat(style.outlineWidth);
  if (rim > 0 && style.outlineStyle !== "none")
    target.append(element("rect", { x: box.x - origin.x, y: box.y - origin.y, width: box.width, height: box.height, fill: "none", stroke: style.outlineColor, "stroke-width": rim }));
}

/** A figure as SVG text, on the page's own ground. */
export async function toSvg(figure: HTMLElement): Promise<{ text: string; width: number; height: number }> {
  const origin = figure.getBoundingClientRect();
  // What scrolls inside a figure is drawn whole.
  const inner = [figure, ...figure.querySelectorAll<HTMLElement>("*")].map((one) => one.getBoundingClientRect());
  const width = Math.ceil(Math.max(...inner.map(({ right }) => right)) - origin.left);
  const height = Math.ceil(Math.max(...inner.map(({ bottom }) => bottom)) - origin.top);
  const root = element("svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` });
  root.append(element("rect", { width, height, fill: getComputedStyle(document.documentElement).backgroundColor }));
  await draw(figure, origin, root);
  return { text: new XMLSerializer().serializeToString(root), width, height };
}

/** The same as PNG, at twice its size. */
export async function toPng(figure: HTMLElement): Promise<Blob> {
  const { text, width, height } = await toSvg(figure);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * width, 2 * height];
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the figure is too large for a PNG"))), "image/png"));
}
