// The language of the search box: words, and conditions such as `grad.norm < 1e-7`.
import type { Graph, Node } from "./model";

const CONDITION =
  /^(value|grad|time|memory|flops|size)(?:\.(norm|min|max|mean|std|zeros|nan|inf|size))?\s*(<=|>=|<|>|!=|=)\s*([-+\d.eE]+|nan|inf)$/i;
export function measure(graph: Graph, node: Node, subject: string, field = "norm"): number {
  if (subject === "time") return (node.timeForward || 0) + (node.timeBackward || 0);
  if (subject === "memory") return node.memory;
  if (subject === "flops") return (node.flopsForward || 0) + (node.flopsBackward || 0);
  const array = subject === "grad" ? graph.gradientOf(node) : graph.valueOf(node);
  return graph.model.number(array, subject === "size" ? "size" : field);
}
function holds(left: number, sign: string, right: number): boolean {
  switch (sign) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    case "!=":
      return left !== right;
    default:
      return left === right;
  }
}
/** Nodes that fit all parts of a query; parts are words, quoted texts, shapes in brackets, and conditions. */
export function search(graph: Graph, query: string): number[] {
  const parts =
    query
      .trim()
      .replace(/\s*(<=|>=|!=|<|>|=)\s*/g, "$1")
      .match(/\([^)]*\)|"[^"]*"|\S+/g) ?? [];
  if (!parts.length) return [];
  const tests = parts.map((part): ((node: Node) => boolean) => {
    const found = CONDITION.exec(part);
    if (found) {
      const [, subject, field, sign, text] = found,
        right = text.toLowerCase() === "inf" ? Infinity : Number(text);
      return (node) => holds(measure(graph, node, subject.toLowerCase(), field?.toLowerCase()), sign, right);
    }
    const kind = /^kind=(.+)$/i.exec(part);
    if (kind) return (node) => node.kind.toLowerCase() === kind[1].toLowerCase();
    const word = part.replaceAll('"', "").toLowerCase(),
      shape = word.replaceAll(" ", "");
    return (node) =>
      node.name.toLowerCase().includes(word) ||
      node.kind.toLowerCase().includes(word) ||
      node.scope.toLowerCase().includes(word) ||
      node.source.toLowerCase().includes(word) ||
      [...node.outputs, ...node.inputs].some(
        (each) =>
          each >= 0 &&
          (graph.tensors[each].name.toLowerCase().includes(word) ||
            (word.startsWith("(") && graph.tensors[each].shape.replaceAll(" ", "") === shape)),
      );
  });
  return graph.nodes.filter((node) => tests.every((test) => test(node))).map((node) => node.index);
}
