// What the page shows, as plain data: what tests assert on.
import type { Colouring } from "./colours";
import { column } from "./columns";
import type { View } from "./draw";
import type { Graph, Model, Tensor } from "./model";
import type { Factor, Step } from "./player";
import type { Scene } from "./scene";
import type { State } from "./state";

export interface Seen {
  model: Model;
  graph: Graph;
  scene: Scene;
  state: State;
  view: View;
  dark: boolean;
  lit: Set<number> | null;
  colours: Colouring;
  size: [number, number];
  all: Step[];
  found: number[];
  path: Factor[];
  count: number[];
}
export const plainName = (id: string): string => id.slice(id.indexOf(":") + 1);
export const tensorOf = (graph: Graph, id: string): Tensor | undefined =>
  /^(leaf|output):/.test(id) ? graph.tensors.find((each) => each.name === plainName(id)) : undefined;

export function snapshotOf(seen: Seen): Record<string, unknown> {
  const { model, graph, scene, state, view, dark, lit, colours, all, found, path, count } = seen;
  const now = all[state.at];
  const node = state.selected.startsWith("node:") ? graph.byName.get(state.selected.slice(5)) : undefined;
  const tensor = tensorOf(graph, state.selected);
  const entriesOf = (array: number): number[] | null => {
    const body = model.summary(array)?.entries;
    return body ? Array.from(body) : null;
  };
  return {
    ready: seen.size[0] > 0,
    view,
    selection: plainName(state.selected),
    language: state.language,
    theme: dark ? "dark" : "light",
    tab: state.tab,
    colour: state.mode,
    lit: lit ? [...lit].map((each) => graph.nodes[each].name) : null,
    boxes: scene.boxes.map((each) => ({
      id: each.id,
      title: each.title,
      kind: each.kind,
      x: each.x * view.zoom + view.x,
      y: each.y * view.zoom + view.y,
      width: each.width * view.zoom,
      height: each.height * view.zoom,
      open: each.open,
      visible: true,
      fill: each.node >= 0 ? colours.fill(graph.nodes[each.node]) : "",
    })),
    edges: scene.lines.map(({ from, to, label, points }) => ({ from, to, label, points })),
    card:
      node === undefined
        ? tensor
          ? {
              name: tensor.name,
              kind: "tensor",
              rows: [
                {
                  role: "tensor",
                  name: tensor.name,
                  value: entriesOf(tensor.value),
                  gradient: entriesOf(tensor.gradient),
                },
              ],
            }
          : null
        : {
            name: graph.nodes[node].name,
            kind: graph.nodes[node].kind,
            rows: [
              ...graph.nodes[node].inputs.map((each, at) => [each, at, "input"] as const),
              ...graph.nodes[node].outputs.map((each) => [each, -1, "output"] as const),
            ]
              .filter(([each]) => each >= 0)
              .map(([each, at, role]) => ({
                role,
                name: graph.tensors[each].name,
                value: entriesOf(graph.tensors[each].value),
                gradient: entriesOf(graph.tensors[each].gradient),
                sent: at < 0 ? null : entriesOf(graph.nodes[node].sent[at] ?? -1),
                vjp: graph.nodes[node].vjp[at] ?? "",
              })),
          },
    player: {
      at: state.at,
      of: all.length,
      phase: now?.phase ?? "",
      node: now ? graph.nodes[now.node].name : "",
      incoming: now ? entriesOf(graph.gradientOf(graph.nodes[now.node])) : null,
      rule: now ? graph.nodes[now.node].vjp : [],
      contributions:
        now?.phase === "backward"
          ? graph.nodes[now.node].inputs.flatMap((each, at) =>
              each >= 0 && graph.nodes[now.node].sent[at] >= 0
                ? [{ input: graph.tensors[each].name, entries: entriesOf(graph.nodes[now.node].sent[at]) }]
                : [],
            )
          : [],
      reported: count,
    },
    search: {
      query: state.query,
      count: found.length,
      results: found.slice(0, 200).map((each) => graph.nodes[each].name),
    },
    path: {
      nodes: path.map((each) => graph.nodes[each.node].name),
      factors: path.map((each) => each.gain),
      gains: path.map((each) => Math.abs(each.gain)),
      product: path.reduce((sum, each) => sum * each.gain, 1),
    },
    training: model.raw.training
      ? {
          steps: Array.from(column(model.raw.training.steps, 0, 0)),
          rows: model.raw.training.layers.length,
          snapshot: state.snapshot,
        }
      : null,
    compare: model.raw.compare ? { first: model.raw.compare.first, count: model.raw.compare.rows.count } : null,
    messages: [
      ...(model.raw.notes ?? []).map((each) => each.code),
      ...(model.raw.failure ? [model.raw.failure.message] : []),
    ],
  };
}
