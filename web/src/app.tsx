// The whole page: what is open, chosen and stepped to, and the parts that show it.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { colouring, DARK, LIGHT } from "./colours";
import { column } from "./columns";
import { svgOf, type View } from "./draw";
import { Graph, type Model } from "./model";
import { Outline } from "./outline";
import { savePicture } from "./picture";
import { Playbar } from "./playbar";
import { factors, reported, steps } from "./player";
import { buildScene, firstOpen, Tree, type Box } from "./scene";
import { search } from "./search";
import { Side } from "./side";
import { Stage, zoomed } from "./stage";
import { Toolbar } from "./toolbar";
import { plainName, snapshotOf, tensorOf } from "./snapshot";
import { fromFragment, toFragment, type State } from "./state";
import { Compare, Training } from "./training";
import { say, type Language, type Word } from "./words";

export interface Hooks {
  explorer: Record<string, unknown>;
  address: boolean;
  onSelect?: (name: string) => void;
  onStep?: (at: number) => void;
  language?: Language;
  selection?: string;
  step?: number;
}

export function App({ model, hooks, version }: { model: Model; hooks: Hooks; version: number }) {
  const start = useMemo((): State => {
    const language: Language = hooks.language ?? (navigator.language.startsWith("zh") ? "zh" : "en");
    return {
      tab: "graph",
      graph: 0,
      selected: "",
      open: new Set<string>(),
      view: null,
      mode: "kind",
      theme: "auto",
      language,
      at: hooks.step ?? -1,
      query: "",
      backward: false,
      snapshot: -1,
      ...(hooks.address ? fromFragment(location.hash) : {}),
    };
  }, []);
  const given = useRef<Set<string> | null>(hooks.address && location.hash.includes("open=") ? start.open : null);
  const [state, setState] = useState(start),
    [size, setSize] = useState<[number, number]>([0, 0]),
    [help, setHelp] = useState(false),
    [playing, setPlaying] = useState(false),
    [lit, setLit] = useState<Set<number> | null>(null),
    [night, setNight] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  const box = useRef<HTMLInputElement>(null),
    fitted = useRef(start.view !== null);
  const refit = (): void => {
    fitted.current = false;
  };
  const change = (part: Partial<State>): void => {
    setState((old) => ({ ...old, ...part }));
  };
  const word = (each: Word): string => say(state.language, each);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)"),
      set = (): void => {
        setNight(query.matches);
      };
    query.addEventListener("change", set);
    return () => {
      query.removeEventListener("change", set);
    };
  }, []);
  const dark = state.theme === "dark" || (state.theme === "auto" && night),
    palette = dark ? DARK : LIGHT;
  const graph = useMemo(() => {
    const base = model.graphs[state.graph] ?? model.graphs[0],
      shot = model.raw.training?.snapshots?.find((each) => each.step === state.snapshot);
    if (!shot || state.graph !== 0) return base;
    const made = new Graph(model, base.raw),
      tensors = column(shot.tensors, 0, 0),
      value = column(shot.value, tensors.length, -1),
      gradient = column(shot.gradient, tensors.length, -1);
    for (let at = 0; at < tensors.length; at++) {
      made.tensors[tensors[at]].value = value[at];
      made.tensors[tensors[at]].gradient = gradient[at];
    }
    return made;
  }, [model, state.graph, state.snapshot]);
  const tree = useMemo(() => new Tree(graph, state.backward), [graph, state.backward]);
  const opened = useRef<{ tree: Tree; graph: number } | null>(null);
  // A live page reads its document again and keeps what is open.
  if (opened.current?.tree !== tree) {
    if (opened.current === null || opened.current.graph !== state.graph) {
      state.open = given.current ?? firstOpen(tree);
      given.current = null;
    }
    opened.current = { tree, graph: state.graph };
  }
  const scene = useMemo(() => buildScene(tree, state.open), [tree, state.open]);
  const colours = useMemo(() => colouring(graph, state.mode, dark), [graph, state.mode, dark]);
  const all = useMemo(() => steps(graph), [graph]),
    found = useMemo(() => search(graph, state.query), [graph, state.query]);
  const now = all[state.at],
    failed = model.raw.failure && (model.raw.failure.graph ?? 0) === state.graph ? model.raw.failure.node : -1;
  const fit = (): View => {
    const zoom = Math.max(
      0.005,
      Math.min(1.25, (size[0] - 40) / Math.max(1, scene.width), (size[1] - 80) / Math.max(1, scene.height)),
    );
    const readable = Math.max(zoom, Math.min(0.6, (size[0] - 40) / Math.max(1, scene.width)));
    return {
      zoom: readable,
      x: (size[0] - scene.width * readable) / 2,
      y: zoom === readable ? (size[1] - 40 - scene.height * readable) / 2 : 20,
    };
  };
  const view = state.view ?? (size[0] ? fit() : { x: 20, y: 20, zoom: 1 });
  useEffect(() => {
    if (size[0] && !fitted.current) {
      fitted.current = true;
      change({ view: fit() });
    }
  }, [size, scene]);
  /** Opens or closes a layer; the box that was pressed stays where it is. */
  const toggle = (path: string, to?: boolean): void =>
    setState((old) => {
      const open = new Set(old.open),
        from = scene.byId.get(`group:${path}`);
      if (to ?? !open.has(path)) for (const each of tree.ancestors(path)) open.add(each);
      else for (const each of [...open]) if (each === path || each.startsWith(`${path}/`)) open.delete(each);
      const next = buildScene(tree, open).byId.get(`group:${path}`),
        seen = old.view ?? view;
      return {
        ...old,
        open,
        view:
          from && next
            ? {
                ...seen,
                x: seen.x + (from.x + from.width / 2 - next.x - next.width / 2) * seen.zoom,
                y: seen.y + (from.y - next.y) * seen.zoom,
              }
            : seen,
      };
    });
  /** Selects, opens what is around, and moves there if it is out of view. */
  const choose = (id: string): void => {
    setState((old) => {
      const node = id.startsWith("node:") ? graph.byName.get(id.slice(5)) : undefined,
        tensor = id.startsWith("leaf:") ? graph.tensors.find((each) => each.name === id.slice(5)) : undefined;
      const inner = node ?? (tensor?.readers.length ? tensor.readers[0] : undefined),
        path =
          inner === undefined
            ? id.startsWith("group:")
              ? id.slice(6).split("/").slice(0, -1).join("/")
              : ""
            : tree.pathOf(inner);
      const open = new Set([...old.open, ...tree.ancestors(path)]),
        to = (open.size === old.open.size ? scene : buildScene(tree, open)).byId.get(id),
        seen = old.view ?? view;
      if (!to) return { ...old, tab: "graph", selected: id };
      const x = (to.x + to.width / 2) * seen.zoom + seen.x,
        y = (to.y + to.height / 2) * seen.zoom + seen.y,
        inside = x > 30 && x < size[0] - 30 && y > 20 && y < size[1] - 20 && open.size === old.open.size;
      const zoom = Math.max(seen.zoom, 0.5);
      return {
        ...old,
        tab: "graph",
        selected: id,
        open,
        view:
          inside || !size[0]
            ? seen
            : { zoom, x: size[0] / 2 - (to.x + to.width / 2) * zoom, y: size[1] / 2 - (to.y + to.height / 2) * zoom },
      };
    });
    hooks.onSelect?.(plainName(id));
  };
  const idOf = (name: string): string =>
    graph.byName.has(name)
      ? `node:${name}`
      : graph.tensors.some((each) => each.name === name)
        ? `leaf:${name}`
        : tree.groups.has(name)
          ? `group:${name}`
          : "";
  const move = (to: number): void => {
    const at = Math.max(-1, Math.min(all.length - 1, to));
    change({ at });
    if (at >= 0) choose(`node:${graph.nodes[all[at].node].name}`);
    hooks.onStep?.(at);
  };
  useEffect(() => {
    if (!playing) return;
    const timer = setInterval(() => {
      if (state.at >= all.length - 1) setPlaying(false);
      else move(state.at + 1);
    }, 700);
    return () => {
      clearInterval(timer);
    };
  });
  useEffect(() => {
    if (hooks.selection && plainName(state.selected) !== hooks.selection) {
      const id = idOf(hooks.selection);
      if (id) choose(id);
    }
  }, [hooks.selection]);
  useEffect(() => {
    if (hooks.address) {
      const timer = setTimeout(() => {
        history.replaceState(null, "", toFragment(state));
      }, 120);
      return () => {
        clearTimeout(timer);
      };
    }
    return undefined;
  }, [state]);
  useEffect(() => {
    if (hooks.address) document.documentElement.lang = state.language;
  }, [state.language]);
  const node = state.selected.startsWith("node:") ? graph.byName.get(state.selected.slice(5)) : undefined;
  const tensor = tensorOf(graph, state.selected);
  /** To the next step, or the last one before, that is in another layer. */
  const moveLayer = (by: number): void => {
    const scope = (at: number): string => (all[at] ? `${all[at].phase} ${graph.nodes[all[at].node].scope}` : "");
    let to = state.at + by;
    while (to >= 0 && to < all.length - 1 && scope(to) === scope(state.at)) to += by;
    move(to);
  };
  const reach = (forwards: boolean): void => {
    if (node !== undefined) setLit(graph.reach(node, forwards));
  };
  const follow = (): void => {
    const from =
      tensor ??
      (node === undefined ? undefined : graph.tensors[graph.nodes[node].outputs.find((each) => each >= 0) ?? -1]);
    if (from) setLit(new Set(graph.pathToLoss(from.index).map((each) => each.node)));
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pan: Record<string, [number, number]> = {
      ArrowLeft: [60, 0],
      ArrowRight: [-60, 0],
      ArrowUp: [0, 60],
      ArrowDown: [0, -60],
    };
    const acts: Record<string, () => void> = {
      "+": () => change({ view: zoomed(view, 1.25, size[0] / 2, size[1] / 2) }),
      "-": () => change({ view: zoomed(view, 0.8, size[0] / 2, size[1] / 2) }),
      "0": () => change({ view: fit() }),
      n: () => move(state.at + 1),
      p: () => move(state.at - 1),
      N: () => moveLayer(1),
      P: () => moveLayer(-1),
      " ": () => setPlaying(!playing),
      "/": () => box.current?.focus(),
      "?": () => setHelp(true),
      a: () => reach(false),
      d: () => reach(true),
      f: follow,
      Escape: () => {
        setHelp(false);
        setLit(null);
        setPlaying(false);
      },
      Enter: () => {
        if (state.selected.startsWith("group:")) toggle(plainName(state.selected));
      },
    };
    const by = pan[event.key];
    if (by) change({ view: { ...view, x: view.x + by[0], y: view.y + by[1] } });
    else if (acts[event.key]) acts[event.key]();
    else return;
    event.preventDefault();
  };
  const onBox = (hit: Box | undefined, twice: boolean): void => {
    if (!hit) {
      if (!twice) change({ selected: "" });
    } else if (hit.kind === "group" && (twice || !hit.open)) {
      toggle(hit.path);
      change({ selected: hit.id });
      hooks.onSelect?.(hit.path);
    } else if (!twice) choose(hit.id);
  };
  const path = tensor ? factors(graph, graph.pathToLoss(tensor.index)) : [];
  const count = now && now.phase === "backward" ? reported(graph, all, state.at, now.node) : [0, 0];
  Object.assign(hooks.explorer, {
    snapshot: () => snapshotOf({ model, graph, scene, state, view, dark, lit, colours, size, all, found, path, count }),
    select: (name: string) => {
      const id = idOf(name);
      if (id) choose(id);
    },
    open: (each: string) => toggle(each, true),
    close: (each: string) => toggle(each, false),
    step: move,
    search: (text: string) => change({ query: text }),
  });
  const save = (what: string): void =>
    savePicture(svgOf(scene, graph, palette, colours), scene, `${model.raw.title ?? "graph"}.${what}`);
  const cell = (row: string, step: number): void => {
    const near =
      (model.raw.training?.snapshots ?? [])
        .map((each) => each.step)
        .toSorted((a, b) => Math.abs(a - step) - Math.abs(b - step))[0] ?? -1;
    change({ snapshot: near, graph: 0, tab: "graph" });
    choose(row);
  };
  return (
    <div
      class="lg"
      data-theme={dark ? "dark" : "light"}
      lang={state.language}
      onKeyDown={(event) => {
        if (
          !(event.target instanceof Element && event.target.closest("input,select,button,canvas,[role=tree]")) ||
          event.key === "Escape" ||
          (event.key === "?" && !(event.target instanceof HTMLInputElement))
        )
          onKey(event);
      }}
    >
      <Toolbar
        {...{ model, graph, tree, state, change, refit, choose, found, save, word, box }}
        fit={() => change({ view: fit() })}
        showKeys={() => setHelp(!help)}
      />
      {state.tab === "training" && model.raw.training ? (
        <Training model={model} language={state.language} onCell={cell} version={version} />
      ) : state.tab === "compare" && model.raw.compare ? (
        <Compare
          model={model}
          language={state.language}
          choose={(id) => {
            change({ graph: model.raw.compare!.left });
            choose(id);
          }}
        />
      ) : (
        <>
          <nav class="outline" aria-label={word("outline")}>
            {state.query && (
              <div class="found" role="status">
                <b>
                  {found.length} {word("results")}
                </b>
                {found.slice(0, 100).map((each) => (
                  <div key={each}>
                    <button class="link" onClick={() => choose(`node:${graph.nodes[each].name}`)}>
                      {graph.nodes[each].name}
                    </button>
                  </div>
                ))}
              </div>
            )}
            <Outline
              tree={tree}
              open={state.open}
              selected={state.selected}
              label={word("outline")}
              choose={choose}
              toggle={toggle}
            />
          </nav>
          <section class="stage" aria-label={word("graph")}>
            <Stage
              graph={graph}
              scene={scene}
              view={view}
              setView={(each) => change({ view: each })}
              palette={palette}
              colours={colours}
              marks={{ selected: state.selected, lit, current: now?.node ?? -1, phase: now?.phase ?? "", failed }}
              onBox={onBox}
              onKey={onKey}
              label={word("graph")}
              onSize={(width, height) => setSize([width, height])}
              onPaint={() => {
                if (size[0]) hooks.explorer.firstPaint ??= performance.now();
              }}
            />
            <div class="legend">
              {colours.legend.map((each) => (
                <span key={each.label}>
                  <i style={{ background: each.colour }} />
                  {each.label}
                </span>
              ))}
            </div>
          </section>
          <Side {...{ model, graph, tree, state, change, choose, toggle, refit, lit, setLit, reach, follow, word }} />
          <Playbar {...{ model, graph, all, count, playing, setPlaying, move, moveLayer, word }} at={state.at} />
        </>
      )}
      {help && (
        <div class="dialog" role="dialog" aria-label={word("keys")}>
          <h2>{word("keys")}</h2>
          <p>{word("keyList")}</p>
          <button onClick={() => setHelp(false)}>{word("close")}</button>
        </div>
      )}
    </div>
  );
}
