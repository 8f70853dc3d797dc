import { describe, expect, it } from "vitest";
import { layoutGroup } from "../src/layout";
import { DocumentError, modelOf, readDocument } from "../src/model";
import { factors, reported, steps } from "../src/player";
import { buildScene, firstOpen, Tree } from "../src/scene";
import { search } from "../src/search";
import { fromFragment, toFragment } from "../src/state";
import { chain, small } from "./fixtures/documents";

const item = (id: string, chip = false) => ({ id, width: 60, height: 30, chip });
describe("layout", () => {
  it("sets a parameter just above its reader", () => {
    const { ranks } = layoutGroup(
      [item("x"), item("a"), item("b"), item("w", true)],
      [
        ["x", "a"],
        ["a", "b"],
        ["w", "b"],
      ],
    );
    expect([ranks.get("b"), ranks.get("w")]).toEqual([2, 1]);
  });
  it("is the same every time, and no two boxes overlap", () => {
    const items = Array.from({ length: 60 }, (_, at) => item(String(at))),
      edges = items.slice(1).map((each, at): [string, string] => [String(Math.floor(at / 3)), each.id]);
    const plate = layoutGroup(items, edges),
      spots = [...plate.places.values()];
    expect(layoutGroup(items, edges)).toEqual(plate);
    for (const a of spots)
      for (const b of spots) if (a !== b && Math.abs(a.y - b.y) < 30) expect(Math.abs(a.x - b.x)).toBeGreaterThan(59.9);
  });
  it("leads a long edge beside the boxes between its ends", () => {
    const plate = layoutGroup(
        [item("a"), item("b"), item("c")],
        [
          ["a", "b"],
          ["b", "c"],
          ["a", "c"],
        ],
      ),
      [[x]] = plate.routes.get("a\nc")!;
    expect(Math.abs(x - plate.places.get("b")!.x - 30)).toBeGreaterThan(30);
  });
  it("lays out what has a circle", () => {
    expect(
      layoutGroup(
        [item("a"), item("b")],
        [
          ["a", "b"],
          ["b", "a"],
        ],
      ).places.size,
    ).toBe(2);
  });
});
describe("scene", () => {
  it("draws a closed layer as one box and an open one around its nodes", () => {
    const tree = new Tree(modelOf(small()).graphs[0], false),
      closed = buildScene(tree, new Set()),
      open = buildScene(tree, new Set(["net"]));
    expect(closed.boxes.map((each) => each.id).toSorted()).toEqual([
      "group:net",
      "leaf:x",
      "node:Sum#1",
      "output:loss",
    ]);
    const group = open.byId.get("group:net")!,
      inner = open.byId.get("node:net/Sigmoid#1")!;
    expect(
      inner.x >= group.x &&
        inner.y >= group.y &&
        inner.x + inner.width <= group.x + group.width &&
        inner.y + inner.height <= group.y + group.height,
    ).toBe(true);
    expect(closed.lines.map((each) => `${each.from} ${each.to}`)).toContain("group:net node:Sum#1");
  });
  it("recognises repeated layers, and stays small at first", () => {
    const tree = new Tree(modelOf(chain(100)).graphs[0], false);
    expect(tree.groups.get("net/stage1")!.repeat).toBe(4);
    expect(buildScene(tree, firstOpen(tree)).boxes.length).toBeLessThan(60);
  });
});
describe("search", () => {
  const graph = modelOf(small()).graphs[0],
    names = (query: string): string[] => search(graph, query).map((each) => graph.nodes[each].name);
  it("knows names, kinds, shapes and conditions", () => {
    expect(names("sigm")).toEqual(["net/Sigmoid#1"]);
    expect(names("kind = sum")).toEqual(["Sum#1"]);
    expect(names("(2, 2)")).toEqual(["net/MatMul#1"]);
    expect(names("grad.norm < 0.5")).toEqual(["net/MatMul#1"]);
    expect(names("grad.norm>=1 net")).toEqual(["net/Sigmoid#1"]);
    expect(names("value.max > 100")).toEqual([]);
  });
});
describe("player", () => {
  const graph = modelOf(small()).graphs[0];
  it("goes forwards, then backwards", () => {
    expect(
      steps(graph)
        .map((each) => `${each.phase[0]}${each.node}`)
        .join(" "),
    ).toBe("f0 f1 f2 b2 b1 b0");
  });
  it("counts the readers that have reported", () => {
    const all = steps(graph);
    expect([reported(graph, all, 3, 1), reported(graph, all, 3, 0)]).toEqual([
      [1, 1],
      [0, 1],
    ]);
  });
  it("multiplies gains along a path to the gradient's norm", () => {
    const all = factors(graph, graph.pathToLoss(1)),
      product = all.reduce((sum, each) => sum * each.gain, 1);
    expect(all.map((each) => each.node)).toEqual([2, 1, 0]);
    expect(product).toBeCloseTo(graph.model.number(8, "norm"), 5);
  });
});
describe("documents", () => {
  const code = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      if (error instanceof DocumentError) return error.code;
    }
    return "none";
  };
  it("refuses what it cannot read, and says which", () => {
    const text = JSON.stringify(small());
    expect([
      code(() => readDocument(text)),
      code(() => readDocument(text.slice(0, 900))),
      code(() => readDocument("")),
      code(() => readDocument("{}")),
      code(() => modelOf({ ...small(), version: [2, 0] })),
    ]).toEqual(["none", "broken", "empty", "foreign", "newer"]);
  });
  it("opens fifty thousand nodes", () => {
    const tree = new Tree(modelOf(chain(5000)).graphs[0], false);
    expect(buildScene(tree, firstOpen(tree)).boxes.length).toBeLessThan(300);
  });
});
describe("address", () => {
  it("holds the view", () => {
    const state = {
      tab: "graph",
      graph: 0,
      selected: "node:a#1",
      open: new Set(["net/1"]),
      view: { x: 1, y: 2, zoom: 0.5 },
      mode: "time",
      theme: "dark",
      language: "zh",
      at: 3,
      query: "a < 1",
      backward: true,
      snapshot: -1,
    } as const;
    expect(fromFragment(toFragment({ ...state, open: new Set(state.open) }))).toEqual({
      selected: "node:a#1",
      open: new Set(["net/1"]),
      view: state.view,
      mode: "time",
      theme: "dark",
      language: "zh",
      at: 3,
      query: "a < 1",
      backward: true,
    });
  });
  it("lets a damaged one pass", () => {
    expect(fromFragment("#open=[&view=1,x&step=q")).toEqual({});
  });
});
