// Colours after Okabe and Ito, the same as in the library's pictures, and scales that stay distinct for colour-blind readers.
import type { Graph, Node } from "./model";

export interface Palette {
  paper: string;
  ink: string;
  quiet: string;
  line: string;
  gradient: string;
  failed: string;
  group: string;
  groupDeep: string;
  groupLine: string;
  chip: string;
  chipLine: string;
  plain: string;
  plainLine: string;
}
export const LIGHT: Palette = {
  paper: "#ffffff",
  ink: "#1c2430",
  quiet: "#5b6675",
  line: "#7d8896",
  gradient: "#c25200",
  failed: "#b3261e",
  group: "#f5f7fa",
  groupDeep: "#eceff4",
  groupLine: "#c5cdd8",
  chip: "#fff3d9",
  chipLine: "#c48a0a",
  plain: "#eef1f5",
  plainLine: "#8a95a3",
};
export const DARK: Palette = {
  paper: "#14171c",
  ink: "#e8ecf2",
  quiet: "#9aa6b5",
  line: "#7a8696",
  gradient: "#f08c4a",
  failed: "#ff8a80",
  group: "#1a1f26",
  groupDeep: "#20262f",
  groupLine: "#3a4452",
  chip: "#372a0c",
  chipLine: "#e0aa3a",
  plain: "#252c35",
  plainLine: "#8491a1",
};
const FILLS = [
  ["#e2f1fb", "#122f41"],
  ["#dbf2e9", "#0d3328"],
  ["#f9e6f0", "#3a1f30"],
  ["#fde5d7", "#3d1f0d"],
  ["#d9e5f5", "#142646"],
  ["#f9f6c9", "#32300c"],
  ["#e7e2f4", "#292143"],
];
const STROKES = [
  ["#2f8fc6", "#56b4e9"],
  ["#00855f", "#2fbf95"],
  ["#b35a8c", "#d98db8"],
  ["#c85500", "#ec8548"],
  ["#0066a6", "#5a9fe0"],
  ["#a39700", "#d6ca3c"],
  ["#6f5bb0", "#a394de"],
];
const FAMILIES = [
  "activation",
  "arithmetic",
  "linear",
  "loss",
  "shaping",
  "reduction",
  "normalization",
  "structure",
  "gradient",
  "convolution",
  "pooling",
  "recurrent",
  "attention",
  "exponential",
  "trigonometric",
  "special",
  "comparison",
  "branching",
  "indexing",
  "joining",
  "rounding",
  "sorting",
  "creation",
  "random",
  "control",
];
const SCALE = [
  [253, 231, 37],
  [94, 201, 98],
  [33, 145, 140],
  [59, 82, 139],
  [68, 1, 84],
];
export type Mode = "kind" | "time" | "memory" | "gradient" | "nonfinite";
export const MODES: Mode[] = ["kind", "time", "memory", "gradient", "nonfinite"];

/** 0 to 1 on a scale after Viridis, from light to dark. */
export function scale(share: number): string {
  const at = Math.max(0, Math.min(0.9999, share)) * (SCALE.length - 1),
    low = Math.floor(at),
    part = at - low;
  return `rgb(${SCALE[low].map((each, index) => Math.round(each + (SCALE[low + 1][index] - each) * part)).join(",")})`;
}
export interface Colouring {
  fill(node: Node): string;
  stroke(node: Node): string;
  ink(node: Node): string;
  legend: { label: string; colour: string }[];
}
export function colouring(graph: Graph, mode: Mode, dark: boolean): Colouring {
  const palette = dark ? DARK : LIGHT,
    side = dark ? 1 : 0;
  if (mode === "kind") {
    const present = new Set(graph.nodes.map((each) => each.family)),
      slots = new Map<string, number>();
    for (const family of [...FAMILIES, ...[...present].toSorted()]) {
      if (!present.has(family) || family === "" || slots.has(family)) continue;
      const start = Math.max(0, FAMILIES.indexOf(family)),
        used = new Set(slots.values());
      const wish = FILLS.map((_, step) => (start + step) % FILLS.length);
      slots.set(family, wish.find((each) => !used.has(each)) ?? wish[0]);
    }
    const slot = (node: Node): number | undefined => slots.get(node.family);
    return {
      fill: (node) => FILLS[slot(node) ?? -1]?.[side] ?? palette.plain,
      stroke: (node) => STROKES[slot(node) ?? -1]?.[side] ?? palette.plainLine,
      ink: () => palette.ink,
      legend: [...slots].map(([label, at]) => ({ label, colour: STROKES[at][side] })),
    };
  }
  if (mode === "nonfinite") {
    const bad = (node: Node): boolean =>
      [graph.valueOf(node), graph.gradientOf(node)].some(
        (each) => graph.model.number(each, "nan") > 0 || graph.model.number(each, "inf") > 0,
      );
    return {
      fill: (node) => (bad(node) ? "#d55e00" : palette.plain),
      stroke: (node) => (bad(node) ? palette.failed : palette.plainLine),
      ink: (node) => (bad(node) ? "#000000" : palette.ink),
      legend: [
        { label: "NaN, Inf", colour: "#d55e00" },
        { label: "–", colour: palette.plainLine },
      ],
    };
  }
  const of = (node: Node): number =>
    mode === "time"
      ? (node.timeForward || 0) + (node.timeBackward || 0)
      : mode === "memory"
        ? node.memory
        : graph.model.number(graph.gradientOf(node), "norm");
  const known = graph.nodes.map(of).filter((each) => each > 0 && Number.isFinite(each));
  const low = Math.log10(known.reduce((a, b) => Math.min(a, b), Infinity)),
    high = Math.log10(known.reduce((a, b) => Math.max(a, b), 0));
  const share = (value: number): number => (high > low ? (Math.log10(value) - low) / (high - low) : 0.5);
  const value = (node: Node): number => {
    const each = of(node);
    return each > 0 ? share(each) : each === 0 ? 0 : NaN;
  };
  return {
    fill: (node) => (Number.isNaN(value(node)) ? palette.plain : scale(value(node))),
    stroke: () => palette.plainLine,
    ink: (node) => (Number.isNaN(value(node)) ? palette.ink : value(node) > 0.6 ? "#ffffff" : "#000000"),
    legend: known.length
      ? [0, 0.25, 0.5, 0.75, 1].map((each) => ({
          label: (10 ** (low + (high - low) * each)).toExponential(0),
          colour: scale(each),
        }))
      : [],
  };
}
