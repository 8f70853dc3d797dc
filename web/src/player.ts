// The steps of a run: every node forwards, then those with a gradient backwards.
import type { Graph } from "./model";

export interface Step {
  phase: "forward" | "backward";
  node: number;
}
export function steps(graph: Graph): Step[] {
  const forward = graph.nodes.filter((node) => node.part === 0);
  const back = forward
    .filter((node) => graph.gradientOf(node) >= 0 || node.sent.some((each) => each >= 0))
    .toReversed();
  return [
    ...forward.map((node): Step => ({ phase: "forward", node: node.index })),
    ...back.map((node): Step => ({ phase: "backward", node: node.index })),
  ];
}
export interface Factor {
  node: number;
  input: number;
  incoming: number;
  outgoing: number;
  gain: number;
}
/** What each node on a way to the loss makes of the gradient, from the loss back: |out| / |in|, signed for single numbers. */
export function factors(graph: Graph, path: { node: number; input: number }[]): Factor[] {
  return path.toReversed().map(({ node, input }) => {
    const each = graph.nodes[node],
      incoming = graph.gradientOf(each),
      read = graph.tensors[each.inputs[input]];
    const outgoing = each.sent[input] >= 0 ? each.sent[input] : read.gradient;
    const size = (array: number): number => {
      const summary = graph.model.summary(array);
      return summary === null ? NaN : summary.size === 1 && summary.entries ? summary.entries[0] : summary.norm;
    };
    return { node, input, incoming, outgoing, gain: size(outgoing) / size(incoming) };
  });
}
/** How many readers of a node's outputs have sent their part back once `at` steps are done. */
export function reported(graph: Graph, all: Step[], at: number, node: number): [number, number] {
  const done = new Set(
    all
      .slice(0, at + 1)
      .filter((each) => each.phase === "backward")
      .map((each) => each.node),
  );
  const readers = new Set(
    graph.nodes[node].outputs
      .flatMap((each) => (each < 0 ? [] : graph.tensors[each].readers))
      .filter((each) => graph.nodes[each].part === 0),
  );
  return [[...readers].filter((each) => done.has(each)).length, readers.size];
}
