// What the page knows: a document, read once, with the questions the views ask of it.
import { column, decode, ragged, type Column, type Numbers, type Ragged, type RaggedColumn } from "./columns";

export type Table = Record<string, Column | RaggedColumn | number | undefined>;
export interface RawGraph {
  name?: string;
  nodes: Table;
  tensors: Table;
  groups?: Table;
  scalars?: string[];
  inputs: number[];
  outputs: number[];
  loss?: number;
  updates?: [number, number][];
}
export interface RawTraining {
  layers: number[];
  parameters?: number[];
  steps: Column;
  series: Record<string, Column>;
  metrics?: { name: string; split?: string; values: Column }[];
  alarms?: Table;
  snapshots?: { step: number; tensors: Column; value?: Column; gradient?: Column }[];
  running?: boolean;
}
export interface RawCompare {
  left: number;
  right: number;
  names: string[];
  rows: Table;
  first: number;
}
export interface RawDocument {
  format: string;
  version: [number, number];
  title?: string;
  made_by?: string;
  strings: string[];
  shapes: (number | string)[][];
  graphs: RawGraph[];
  arrays?: Table;
  bodies?: { dtype: string; data: string }[];
  left_out?: { entries: number; bytes: number; budget: number; names: string[] };
  notes?: { code: string; text?: string }[];
  failure?: { graph?: number; node: number; stage: string; type?: string; message: string };
  training?: RawTraining;
  compare?: RawCompare;
  live?: { events?: string; document?: string };
  load?: string;
}
export interface Node {
  index: number;
  kind: string;
  name: string;
  family: string;
  scope: string;
  fields: string;
  source: string;
  code: string;
  summary: string;
  formula: string;
  here: string;
  numbers: string;
  notes: string;
  part: number;
  status: number;
  body: number;
  inputs: number[];
  inputNames: string[];
  outputs: number[];
  vjp: string[];
  vjpHere: string[];
  sent: number[];
  local: number[];
  timeForward: number;
  timeBackward: number;
  memory: number;
  flopsForward: number;
  flopsBackward: number;
}
export interface Tensor {
  index: number;
  name: string;
  shape: string;
  dtype: string;
  role: number;
  value: number;
  gradient: number;
  maker: number;
  readers: number[];
}
export interface Summary {
  dtype: string;
  shape: (number | string)[];
  size: number;
  min: number;
  max: number;
  mean: number;
  std: number;
  norm: number;
  zeros: number;
  nan: number;
  inf: number;
  histogram: number[];
  entries: Numbers | null;
  picture: Numbers | null;
  rows: number;
  columns: number;
}
export class DocumentError extends Error {
  constructor(
    readonly code: "newer" | "foreign" | "broken" | "empty",
    detail: string,
  ) {
    super(detail);
  }
}
export const ROLES = ["inner", "input", "parameter", "constant", "state"];

export class Graph {
  readonly nodes: Node[] = [];
  readonly tensors: Tensor[] = [];
  readonly labels = new Map<string, string>();
  readonly scalars: string[];
  readonly loss: number;
  readonly byName = new Map<string, number>();
  constructor(
    readonly model: Model,
    readonly raw: RawGraph,
  ) {
    const { strings, shapes } = model.raw;
    this.scalars = raw.scalars ?? [];
    this.loss = raw.loss ?? -1;
    const read = (table: Table, name: string, fallback = 0): Numbers =>
      column(table[name] as Column | undefined, table.count as number, fallback);
    const many = (table: Table, name: string): Ragged =>
      ragged(table[name] as RaggedColumn | undefined, table.count as number);
    const t = raw.tensors,
      n = raw.nodes,
      words = (list: number[]): string[] => list.map((each) => strings[each] ?? "");
    const tn = read(t, "name"),
      ts = read(t, "shape", -1),
      td = read(t, "dtype"),
      tr = read(t, "role"),
      tv = read(t, "value", -1),
      tg = read(t, "gradient", -1);
    for (let i = 0; i < (t.count as number); i++)
      this.tensors.push({
        index: i,
        name: strings[tn[i]],
        shape: ts[i] < 0 ? "" : `(${shapes[ts[i]].join(", ")})`,
        dtype: strings[td[i]],
        role: tr[i],
        value: tv[i],
        gradient: tg[i],
        maker: -1,
        readers: [],
      });
    const text: Record<string, Numbers> = {},
      numbers: Record<string, Numbers> = {},
      lists: Record<string, Ragged> = {};
    for (const each of [
      "kind",
      "name",
      "family",
      "scope",
      "fields",
      "source",
      "code",
      "summary",
      "formula",
      "here",
      "numbers",
      "notes",
    ])
      text[each] = read(n, each);
    for (const each of ["time_forward", "time_backward", "memory", "flops_forward", "flops_backward"])
      numbers[each] = read(n, each, NaN);
    for (const each of ["inputs", "input_names", "outputs", "vjp", "vjp_here", "sent", "local"])
      lists[each] = many(n, each);
    const part = read(n, "part"),
      status = read(n, "status"),
      body = read(n, "body", -1);
    for (let i = 0; i < (n.count as number); i++) {
      const word = (name: string): string => strings[text[name][i]] ?? "";
      const node: Node = {
        index: i,
        kind: word("kind"),
        name: word("name"),
        family: word("family"),
        scope: word("scope"),
        fields: word("fields"),
        source: word("source"),
        code: word("code"),
        summary: word("summary"),
        formula: word("formula"),
        here: word("here"),
        numbers: word("numbers"),
        notes: word("notes"),
        part: part[i],
        status: status[i],
        body: body[i],
        inputs: lists.inputs.row(i),
        inputNames: words(lists.input_names.row(i)),
        outputs: lists.outputs.row(i),
        vjp: words(lists.vjp.row(i)),
        vjpHere: words(lists.vjp_here.row(i)),
        sent: lists.sent.row(i),
        local: lists.local.row(i),
        timeForward: numbers.time_forward[i],
        timeBackward: numbers.time_backward[i],
        memory: numbers.memory[i],
        flopsForward: numbers.flops_forward[i],
        flopsBackward: numbers.flops_backward[i],
      };
      this.nodes.push(node);
      this.byName.set(node.name, i);
      for (const each of node.outputs) if (each >= 0) this.tensors[each].maker = i;
      for (const each of node.inputs) if (each >= 0) this.tensors[each].readers.push(i);
    }
    const groups = raw.groups;
    if (groups) {
      const path = read(groups, "path"),
        label = read(groups, "label");
      for (let i = 0; i < (groups.count as number); i++) this.labels.set(strings[path[i]], strings[label[i]]);
    }
  }
  /** The array of a node's gradient: that of its first output with one. */
  gradientOf(node: Node): number {
    for (const each of node.outputs)
      if (each >= 0 && this.tensors[each].gradient >= 0) return this.tensors[each].gradient;
    return -1;
  }
  valueOf(node: Node): number {
    for (const each of node.outputs) if (each >= 0 && this.tensors[each].value >= 0) return this.tensors[each].value;
    return -1;
  }
  /** Nodes from which a node is computed, or which are computed from it; itself included. */
  reach(start: number, forwards: boolean): Set<number> {
    const seen = new Set([start]),
      waiting = [start];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const next = forwards
        ? this.nodes[node].outputs.flatMap((each) => (each < 0 ? [] : this.tensors[each].readers))
        : this.nodes[node].inputs.map((each) => (each < 0 ? -1 : this.tensors[each].maker));
      for (const each of next)
        if (each >= 0 && !seen.has(each)) {
          seen.add(each);
          waiting.push(each);
        }
    }
    return seen;
  }
  /** The shortest way from a tensor to the loss, as nodes with the input each is entered by. */
  pathToLoss(tensor: number): { node: number; input: number }[] {
    const last = this.loss >= 0 ? this.tensors[this.loss].maker : -1;
    const came = new Map<number, { from: number; input: number }>(),
      waiting: number[] = [];
    const enter = (each: number, from: number): void => {
      for (const reader of this.tensors[each].readers)
        if (!came.has(reader) && this.nodes[reader].part === 0) {
          came.set(reader, { from, input: this.nodes[reader].inputs.indexOf(each) });
          waiting.push(reader);
        }
    };
    enter(tensor, -1);
    for (let at = 0; at < waiting.length && !came.has(last); at++)
      for (const each of this.nodes[waiting[at]].outputs) if (each >= 0) enter(each, waiting[at]);
    const path: { node: number; input: number }[] = [];
    for (let at = last; came.has(at); at = came.get(at)!.from) path.unshift({ node: at, input: came.get(at)!.input });
    return path;
  }
}

export class Model {
  readonly graphs: Graph[];
  private readonly columns = new Map<string, Numbers>();
  private readonly decoded = new Map<number, Numbers>();
  constructor(readonly raw: RawDocument) {
    this.graphs = raw.graphs.map((each) => new Graph(this, each));
  }
  private arrayColumn(name: string, fallback: number, length?: number): Numbers {
    const known = this.columns.get(name);
    if (known) return known;
    const made = column(
      this.raw.arrays![name] as Column | undefined,
      length ?? (this.raw.arrays!.count as number),
      fallback,
    );
    this.columns.set(name, made);
    return made;
  }
  private body(index: number): Numbers | null {
    const given = index < 0 ? undefined : this.raw.bodies?.[index];
    if (given === undefined) return null;
    if (!this.decoded.has(index)) this.decoded.set(index, decode(given));
    return this.decoded.get(index)!;
  }
  number(array: number, name: string): number {
    return array < 0 || !this.raw.arrays ? NaN : this.arrayColumn(name, NaN)[array];
  }
  summary(array: number): Summary | null {
    const arrays = this.raw.arrays;
    if (array < 0 || !arrays || array >= (arrays.count as number)) return null;
    const n = (name: string, fallback = NaN): number => this.arrayColumn(name, fallback)[array];
    const bins = (arrays.bins as number | undefined) ?? 24;
    const counts =
      arrays.histogram === undefined
        ? []
        : Array.from(
            { length: bins },
            (_, at) => this.arrayColumn("histogram", 0, (arrays.count as number) * bins)[array * bins + at],
          );
    return {
      dtype: this.raw.strings[n("dtype")],
      shape: this.raw.shapes[n("shape")] ?? [],
      size: n("size"),
      min: n("min"),
      max: n("max"),
      mean: n("mean"),
      std: n("std"),
      norm: n("norm"),
      zeros: n("zeros", 0),
      nan: n("nan", 0),
      inf: n("inf", 0),
      histogram: counts.some((each) => each > 0) ? counts : [],
      entries: this.body(n("body", -1)),
      picture: this.body(n("picture", -1)),
      rows: n("picture_rows", 0),
      columns: n("picture_columns", 0),
    };
  }
}

export function readDocument(text: string): Model {
  let raw: RawDocument;
  try {
    raw = JSON.parse(text) as RawDocument;
  } catch (error) {
    throw new DocumentError(
      text.trim() === "" || text === "LOCALGRAD_" + "DOCUMENT" ? "empty" : "broken",
      String(error),
    );
  }
  return modelOf(raw);
}
export function modelOf(raw: RawDocument): Model {
  if (raw === null || typeof raw !== "object" || raw.format !== "localgrad-explorer")
    throw new DocumentError("foreign", "");
  if (!Array.isArray(raw.version) || raw.version[0] > 1) throw new DocumentError("newer", String(raw.version));
  try {
    return new Model(raw);
  } catch (error) {
    throw new DocumentError("broken", String(error));
  }
}
