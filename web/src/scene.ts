// The open groups, their boxes and lines, in coordinates of the drawing.
import { layoutGroup, type Item, type Plate } from "./layout";
import type { Graph } from "./model";

export interface Group {
  path: string;
  parent: string;
  title: string;
  groups: string[];
  nodes: number[];
  size: number;
  repeat: number;
}
export interface Box {
  id: string;
  kind: "node" | "group" | "leaf" | "output";
  title: string;
  subtitle: string;
  x: number;
  y: number;
  width: number;
  height: number;
  open: boolean;
  node: number;
  tensor: number;
  path: string;
  depth: number;
}
export interface Line {
  from: string;
  to: string;
  label: string;
  tensor: number;
  points: [number, number][];
  gradient: boolean;
}
export interface Scene {
  boxes: Box[];
  lines: Line[];
  width: number;
  height: number;
  byId: Map<string, Box>;
}

export class Tree {
  readonly groups = new Map<string, Group>();
  constructor(
    readonly graph: Graph,
    readonly showBackward: boolean,
  ) {
    this.groups.set("", {
      path: "",
      parent: "",
      title: graph.raw.name ?? "",
      groups: [],
      nodes: [],
      size: 0,
      repeat: 1,
    });
    for (const node of graph.nodes) {
      if (node.part && !showBackward) continue;
      const path = this.pathOf(node.index);
      this.ensure(path).nodes.push(node.index);
      for (let at = path; ; at = this.groups.get(at)!.parent) {
        this.groups.get(at)!.size++;
        if (at === "") break;
      }
    }
    this.findRepeats();
  }
  pathOf(node: number): string {
    const { scope, part } = this.graph.nodes[node];
    return part ? (scope === "" ? "∇" : `∇/${scope}`) : scope;
  }
  private ensure(path: string): Group {
    const known = this.groups.get(path);
    if (known) return known;
    const cut = path.lastIndexOf("/"),
      parent = cut < 0 ? "" : path.slice(0, cut),
      last = path.slice(cut + 1),
      label = this.graph.labels.get(path);
    const made: Group = {
      path,
      parent,
      title: label && label !== last ? `${last} · ${label}` : last,
      groups: [],
      nodes: [],
      size: 0,
      repeat: 1,
    };
    this.ensure(parent).groups.push(path);
    this.groups.set(path, made);
    return made;
  }
  /** Neighbouring groups with the same inside are told by the first of them: "x 12". */
  private findRepeats(): void {
    const signs = new Map<string, string>();
    for (const path of [...this.groups.keys()].toSorted((a, b) => b.split("/").length - a.split("/").length)) {
      const group = this.groups.get(path)!;
      signs.set(
        path,
        group.nodes.map((each) => this.graph.nodes[each].kind + this.graph.nodes[each].fields).join() +
          "{" +
          group.groups.map((each) => signs.get(each)).join() +
          "}",
      );
    }
    for (const group of this.groups.values())
      for (let at = 0; at < group.groups.length;) {
        let end = at + 1;
        while (end < group.groups.length && signs.get(group.groups[end]) === signs.get(group.groups[at])) end++;
        for (let each = at; each < end; each++) this.groups.get(group.groups[each])!.repeat = end - at;
        at = end;
      }
  }
  /** The box that stands for a node while these groups are open. */
  shown(path: string, open: Set<string>): string {
    const parts = path === "" ? [] : path.split("/");
    for (let at = 1; at <= parts.length; at++) {
      const each = parts.slice(0, at).join("/");
      if (!open.has(each)) return each;
    }
    return "";
  }
  ancestors(path: string): string[] {
    const parts = path === "" ? [] : path.split("/");
    return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
  }
}

const wide = (text: string): number => [...text].reduce((sum, each) => sum + (each > "\u2e80" ? 12 : 6.9), 0);
export const clip = (text: string, length = 26): string =>
  text.length <= length ? text : `${text.slice(0, length - 9)}…${text.slice(-8)}`;
function append<T>(to: Map<string, T[]>, key: string, value: T): void {
  const list = to.get(key);
  if (list) list.push(value);
  else to.set(key, [value]);
}
const plates = new Map<string, Plate>();

export function buildScene(tree: Tree, open: Set<string>): Scene {
  const graph = tree.graph,
    boxes: Box[] = [],
    byId = new Map<string, Box>();
  const members = new Map<string, Box[]>();
  const add = (box: Omit<Box, "x" | "y" | "width" | "height" | "depth">, home: string): void => {
    const made: Box = {
      ...box,
      x: 0,
      y: 0,
      width: Math.max(64, Math.min(230, 20 + Math.max(wide(box.title), wide(box.subtitle) * 0.88))),
      height: box.subtitle ? 40 : 27,
      depth: 0,
    };
    append(members, home, made);
    byId.set(made.id, made);
  };
  const boxOf = new Map<number, string>(),
    homeOf = new Map<string, string>();
  const visit: string[] = [""];
  for (let path = visit.pop(); path !== undefined; path = visit.pop()) {
    const group = tree.groups.get(path)!;
    for (const each of group.groups) {
      const inner = tree.groups.get(each)!,
        isOpen = open.has(each);
      add(
        {
          id: `group:${each}`,
          kind: "group",
          title: clip(inner.title) + (inner.repeat > 1 ? `  × ${inner.repeat}` : ""),
          subtitle: isOpen ? "" : `${inner.size}`,
          open: isOpen,
          node: -1,
          tensor: -1,
          path: each,
        },
        path,
      );
      homeOf.set(`group:${each}`, path);
      if (isOpen) visit.push(each);
    }
    for (const each of group.nodes) {
      const node = graph.nodes[each],
        scalars = node.inputs.filter((one) => one <= -2).map((one) => graph.scalars[-2 - one]);
      const id = `node:${node.name}`,
        out = node.outputs.find((one) => one >= 0);
      add(
        {
          id,
          kind: "node",
          title: node.kind,
          subtitle: clip(
            [node.fields, ...scalars].filter(Boolean).join(", ") || (out === undefined ? "" : graph.tensors[out].shape),
            34,
          ),
          open: false,
          node: each,
          tensor: -1,
          path,
        },
        path,
      );
      homeOf.set(id, path);
    }
  }
  const standIn = (node: number): string => {
    if (!boxOf.has(node)) {
      const shown = tree.shown(tree.pathOf(node), open);
      boxOf.set(node, shown === "" || open.has(shown) ? `node:${graph.nodes[node].name}` : `group:${shown}`);
    }
    return boxOf.get(node)!;
  };
  const wires: { from: string; to: string; tensor: number }[] = [],
    have = new Set<string>();
  const wire = (from: string, to: string, tensor: number): void => {
    const key = `${from}\n${to}`;
    if (from !== to && !have.has(key)) {
      have.add(key);
      wires.push({ from, to, tensor });
    }
  };
  const isIn = (node: number): boolean => tree.showBackward || graph.nodes[node].part === 0;
  for (const tensor of graph.tensors) {
    const readers = tensor.readers.filter(isIn);
    if (tensor.maker >= 0) {
      if (isIn(tensor.maker)) for (const each of readers) wire(standIn(tensor.maker), standIn(each), tensor.index);
      continue;
    }
    if (!readers.length) continue;
    const targets = [...new Set(readers.map(standIn))];
    // A parameter inside a closed layer is part of it; otherwise it stands with its reader.
    const hidden = tensor.role !== 1 && targets.length === 1 && targets[0].startsWith("group:");
    if (hidden) continue;
    const home = tensor.role === 1 ? "" : commonHome(targets.map((each) => homeOf.get(each)!));
    const short = tensor.role === 1 ? tensor.name : tensor.name.split(/[/.]/).at(-1)!;
    add(
      {
        id: `leaf:${tensor.name}`,
        kind: "leaf",
        title: clip(short, 18),
        subtitle: tensor.shape === "()" ? "" : tensor.shape,
        open: false,
        node: -1,
        tensor: tensor.index,
        path: home,
      },
      home,
    );
    homeOf.set(`leaf:${tensor.name}`, home);
    for (const each of targets) wire(`leaf:${tensor.name}`, each, tensor.index);
  }
  for (const each of graph.raw.outputs) {
    const tensor = graph.tensors[each];
    if (!tensor || tensor.maker < 0 || !isIn(tensor.maker)) continue;
    add(
      {
        id: `output:${tensor.name}`,
        kind: "output",
        title: clip(tensor.name),
        subtitle: "",
        open: false,
        node: -1,
        tensor: each,
        path: "",
      },
      "",
    );
    homeOf.set(`output:${tensor.name}`, "");
    wire(standIn(tensor.maker), `output:${tensor.name}`, each);
  }
  const between = new Map<string, [string, string][]>(),
    ways: { home: string; key: string; entered: { group: string; member: string }[] }[] = [];
  for (const each of wires) {
    const a = [...tree.ancestors(homeOf.get(each.from)!), each.from],
      b = [...tree.ancestors(homeOf.get(each.to)!), each.to];
    let same = 0;
    while (same < a.length - 1 && same < b.length - 1 && a[same] === b[same]) same++;
    const at = same === 0 ? "" : a[same - 1];
    const pair: [string, string] = [
      same < a.length - 1 ? `group:${a[same]}` : each.from,
      same < b.length - 1 ? `group:${b[same]}` : each.to,
    ];
    append(between, at, pair);
    ways.push({
      home: at,
      key: pair.join("\n"),
      entered: b.slice(same, -1).map((group, step) => ({
        group,
        member: same + step + 1 < b.length - 1 ? `group:${b[same + step + 1]}` : each.to,
      })),
    });
  }
  // A line from outside needs room beside what lies above its end inside the layer.
  const ports = new Map<string, string[]>(),
    fed = new Map([...between].map(([path, list]) => [path, new Set(list.map((each) => each[1]))]));
  for (const { entered } of ways)
    for (const { group, member } of entered)
      if (fed.get(group)?.has(member) && !ports.get(group)?.includes(`port:${member}`)) {
        append(ports, group, `port:${member}`);
        append(between, group, [`port:${member}`, member]);
      }
  // Innermost first, so that an open group's box has its size before the group around it is laid out.
  const done = new Map<string, Plate>();
  const paths = ["", ...open]
    .filter((each) => each === "" || byId.has(`group:${each}`))
    .toSorted((a, b) => depth(b) - depth(a));
  for (const path of paths) {
    const inside = members.get(path) ?? [],
      items: Item[] = inside.map(({ id, width, height, kind, tensor }) => ({
        id,
        width,
        height,
        chip: kind === "leaf" && graph.tensors[tensor].role !== 1,
      }));
    for (const id of ports.get(path) ?? []) items.push({ id, width: 6, height: 0, chip: false });
    const key = `${path}|${items.map((each) => `${each.id},${each.width},${each.height}`).join(";")}|${(between.get(path) ?? []).join(";")}`;
    const plate =
      plates.get(key) ?? layoutGroup(items, between.get(path) ?? [], path === "" ? 0 : 38, path === "" ? 0 : 16);
    plates.set(key, plate);
    done.set(path, plate);
    const own = byId.get(`group:${path}`);
    if (own) {
      own.width = Math.max(own.width, plate.width);
      own.height = plate.height;
    }
  }
  for (const path of paths.toReversed()) {
    const plate = done.get(path)!,
      own = byId.get(`group:${path}`);
    for (const each of members.get(path) ?? []) {
      const spot = plate.places.get(each.id)!;
      each.x = spot.x + (own ? own.x + (own.width - plate.width) / 2 : 0);
      each.y = spot.y + (own?.y ?? 0);
      each.depth = depth(path);
      boxes.push(each);
    }
  }
  const bends = (path: string, key: string): [number, number][] => {
    const plate = done.get(path),
      own = byId.get(`group:${path}`);
    return (plate?.routes.get(key) ?? []).map(([x, y]): [number, number] => [
      x + (own ? own.x + (own.width - plate!.width) / 2 : 0),
      y + (own?.y ?? 0),
    ]);
  };
  const lines = wires.map(({ from, to, tensor }, at): Line => {
    const way = ways[at],
      middle = [
        ...bends(way.home, way.key),
        ...way.entered.flatMap(({ group, member }) => bends(group, `port:${member}`)),
      ];
    const a = byId.get(from)!,
      b = byId.get(to)!,
      given = graph.tensors[tensor];
    return {
      from,
      to,
      tensor,
      label:
        a.kind === "leaf" && given.role !== 1
          ? ""
          : `${given.shape}${given.dtype && given.dtype !== "float32" ? ` ${given.dtype}` : ""}`,
      points: [[a.x + a.width / 2, a.y + a.height], ...middle, [b.x + b.width / 2, b.y]],
      gradient: given.maker >= 0 && graph.nodes[given.maker].part === 1,
    };
  });
  const root = done.get("")!;
  return { boxes, lines, width: root.width, height: root.height, byId };
}
const depth = (path: string): number => (path === "" ? 0 : path.split("/").length);
function commonHome(homes: string[]): string {
  let common = homes[0].split("/");
  for (const each of homes) {
    const parts = each.split("/");
    let same = 0;
    while (same < common.length && common[same] === parts[same]) same++;
    common = common.slice(0, same);
  }
  return common.join("/");
}

/** The groups to open at first: from the top down while the picture stays small. */
export function firstOpen(tree: Tree, most = 45): Set<string> {
  const open = new Set<string>(),
    waiting = [...tree.groups.get("")!.groups];
  let shown = tree.groups.get("")!.nodes.length + waiting.length;
  for (let at = 0; at < waiting.length; at++) {
    const group = tree.groups.get(waiting[at])!,
      more = group.groups.length + group.nodes.length;
    if (shown + more > most) continue;
    shown += more;
    open.add(waiting[at]);
    waiting.push(...group.groups);
  }
  return open;
}
