// Draws the boxes in view on a canvas.
import type { Colouring, Palette } from "./colours";
import type { Graph } from "./model";
import type { Box, Scene } from "./scene";

export interface View {
  x: number;
  y: number;
  zoom: number;
}
export interface Marks {
  selected: string;
  lit: Set<number> | null;
  current: number;
  phase: string;
  failed: number;
}
export function draw(
  canvas: HTMLCanvasElement,
  scene: Scene,
  view: View,
  graph: Graph,
  palette: Palette,
  colours: Colouring,
  marks: Marks,
): void {
  const ratio = globalThis.devicePixelRatio || 1,
    width = canvas.clientWidth,
    height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = palette.paper;
  pen.fillRect(0, 0, width, height);
  pen.setTransform(ratio * view.zoom, 0, 0, ratio * view.zoom, ratio * view.x, ratio * view.y);
  const left = -view.x / view.zoom,
    top = -view.y / view.zoom,
    right = left + width / view.zoom,
    bottom = top + height / view.zoom;
  const seen = (box: Box): boolean =>
    box.x < right && box.x + box.width > left && box.y < bottom && box.y + box.height > top;
  const dim = (box: Box): boolean =>
    marks.lit !== null && !(box.node >= 0 ? marks.lit.has(box.node) : box.open || box.kind !== "node");
  const paint = (box: Box): void => {
    if (!seen(box)) return;
    const node = box.node >= 0 ? graph.nodes[box.node] : null,
      group = box.kind === "group";
    pen.globalAlpha = dim(box) ? 0.3 : 1;
    pen.fillStyle = node
      ? colours.fill(node)
      : group
        ? box.depth % 2 || !box.open
          ? palette.groupDeep
          : palette.group
        : box.kind === "output"
          ? palette.paper
          : graph.tensors[box.tensor].role === 2
            ? palette.chip
            : palette.paper;
    pen.strokeStyle = node
      ? box.node === marks.failed
        ? palette.failed
        : colours.stroke(node)
      : group
        ? palette.groupLine
        : graph.tensors[box.tensor].role === 2 && box.kind === "leaf"
          ? palette.chipLine
          : palette.line;
    pen.lineWidth = box.node === marks.failed && node ? 3 : 1.2;
    pen.beginPath();
    pen.roundRect(
      box.x,
      box.y,
      box.width,
      box.height,
      box.kind === "leaf" || box.kind === "output" ? Math.min(14, box.height / 2) : group ? 8 : 5,
    );
    pen.fill();
    pen.stroke();
    const rings: [boolean, string][] = [
      [box.id === marks.selected, "#0072b2"],
      [node !== null && box.node === marks.current, marks.phase === "backward" ? palette.gradient : "#009e73"],
    ];
    for (const [on, colour] of rings)
      if (on) {
        pen.lineWidth = 3;
        pen.strokeStyle = colour;
        pen.stroke();
      }
    if (view.zoom > 0.28) {
      pen.fillStyle = node ? colours.ink(node) : palette.ink;
      pen.font = "600 12px system-ui, sans-serif";
      pen.textAlign = box.open ? "left" : "center";
      pen.textBaseline = "middle";
      if (box.open) pen.fillText(box.title, box.x + 12, box.y + 16, box.width - 30);
      else
        pen.fillText(
          (group ? "▸ " : "") + box.title,
          box.x + box.width / 2,
          box.y + (box.subtitle ? 14 : box.height / 2 + 0.5),
          box.width - 10,
        );
      if (box.subtitle) {
        pen.font = "11px system-ui, sans-serif";
        pen.fillStyle = node ? colours.ink(node) : palette.quiet;
        pen.fillText(box.subtitle, box.x + box.width / 2, box.y + 29, box.width - 8);
      }
    }
    pen.globalAlpha = 1;
  };
  for (const box of scene.boxes) if (box.open) paint(box);
  pen.textAlign = "left";
  for (const line of scene.lines) {
    const points = line.points,
      [x1, y1] = points[0],
      [x2, y2] = points[points.length - 1];
    if (
      points.every(([x]) => x < left) ||
      points.every(([x]) => x > right) ||
      points.every(([, y]) => y < top) ||
      points.every(([, y]) => y > bottom)
    )
      continue;
    const touched = line.from === marks.selected || line.to === marks.selected;
    pen.strokeStyle = line.gradient ? palette.gradient : touched ? "#0072b2" : palette.line;
    pen.lineWidth = touched ? 2 : 1.2;
    pen.beginPath();
    pen.moveTo(x1, y1);
    for (let at = 1; at < points.length; at++) {
      const [px, py] = points[at - 1],
        [qx, qy] = points[at],
        end = at === points.length - 1 ? qy - 5 : qy,
        bend = Math.min(60, Math.abs(end - py) / 2);
      pen.bezierCurveTo(px, py + bend, qx, end - bend, qx, end);
    }
    pen.stroke();
    if (view.zoom > 0.25) {
      pen.fillStyle = pen.strokeStyle;
      pen.beginPath();
      pen.moveTo(x2, y2);
      pen.lineTo(x2 - 4, y2 - 7);
      pen.lineTo(x2 + 4, y2 - 7);
      pen.fill();
    }
    if (view.zoom > 0.55 && line.label) {
      pen.font = "10.5px system-ui, sans-serif";
      pen.fillStyle = palette.quiet;
      pen.fillText(line.label, (x1 + points[1][0]) / 2 + 5, (y1 + points[1][1]) / 2);
    }
  }
  for (const box of scene.boxes) if (!box.open) paint(box);
}
/** The innermost box at a point of the drawing. */
export function boxAt(scene: Scene, x: number, y: number): Box | undefined {
  return (
    scene.boxes.findLast(
      (box) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height && !box.open,
    ) ??
    scene.boxes.findLast(
      (box) => box.open && x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height,
    )
  );
}
/** The drawing as an SVG file. */
export function svgOf(scene: Scene, graph: Graph, palette: Palette, colours: Colouring): string {
  const safe = (text: string): string =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
  const boxes = scene.boxes.map((box) => {
    const node = box.node >= 0 ? graph.nodes[box.node] : null;
    return `<rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="6" fill="${node ? colours.fill(node) : box.kind === "group" ? palette.group : palette.chip}" stroke="${node ? colours.stroke(node) : palette.groupLine}"/><text x="${box.x + (box.open ? 12 : box.width / 2)}" y="${box.y + 17}" ${box.open ? "" : 'text-anchor="middle" '}fill="${node ? colours.ink(node) : palette.ink}">${safe(box.title)}</text>${box.subtitle ? `<text x="${box.x + box.width / 2}" y="${box.y + 33}" text-anchor="middle" font-size="10.5" fill="${palette.quiet}">${safe(box.subtitle)}</text>` : ""}`;
  });
  const lines = scene.lines.map(
    ({ points, gradient }) =>
      `<path d="M${points[0].join(" ")}${points
        .slice(1)
        .map(([x, y], at) => {
          const [px, py] = points[at],
            bend = Math.abs(y - py) / 2;
          return `C${px} ${py + bend} ${x} ${y - bend} ${x} ${y}`;
        })
        .join("")}" fill="none" stroke="${gradient ? palette.gradient : palette.line}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -20 ${scene.width + 40} ${scene.height + 40}" font-family="system-ui,sans-serif" font-size="12"><rect x="-20" y="-20" width="100%" height="100%" fill="${palette.paper}"/>${boxes.filter((_, at) => scene.boxes[at].open).join("")}${lines.join("")}${boxes.filter((_, at) => !scene.boxes[at].open).join("")}</svg>`;
}
