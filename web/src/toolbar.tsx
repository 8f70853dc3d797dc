// The bar above: what is shown, the search, colours, and how it looks.
import type { RefObject } from "preact";
import { MODES, type Mode } from "./colours";
import type { Graph, Model } from "./model";
import { firstOpen, type Tree } from "./scene";
import type { State, Theme } from "./state";
import type { Word } from "./words";

export interface ToolbarProps {
  model: Model;
  graph: Graph;
  tree: Tree;
  state: State;
  found: number[];
  box: RefObject<HTMLInputElement>;
  change: (part: Partial<State>) => void;
  choose: (id: string) => void;
  fit: () => void;
  refit: () => void;
  save: (what: string) => void;
  showKeys: () => void;
  word: (each: Word) => string;
}
export function Toolbar(props: ToolbarProps) {
  const { model, graph, tree, state, found, box, change, choose, fit, refit, save, showKeys, word } = props;
  const tabs = [
    ["graph", true],
    ["training", Boolean(model.raw.training)],
    ["compare", Boolean(model.raw.compare)],
  ] as const;
  return (
    <header>
      <h1>{model.raw.title ?? "localgrad"}</h1>
      {tabs.filter(([, there]) => there).length > 1 &&
        tabs
          .filter(([, there]) => there)
          .map(([each]) => (
            <button key={each} aria-pressed={state.tab === each} onClick={() => change({ tab: each })}>
              {word(each)}
            </button>
          ))}
      {model.raw.compare &&
        [model.raw.compare.left, model.raw.compare.right].map((each, at) => (
          <button
            key={each}
            aria-pressed={state.graph === each}
            onClick={() => {
              change({ graph: each, tab: "graph", selected: "", view: null });
              refit();
            }}
          >
            {model.raw.compare!.names[at]}
          </button>
        ))}
      {state.graph !== 0 && !model.raw.compare && (
        <button
          onClick={() => {
            change({ graph: 0, view: null, selected: "" });
            refit();
          }}
        >
          ← {model.raw.title}
        </button>
      )}
      <input
        type="search"
        ref={box}
        value={state.query}
        placeholder={word("search")}
        aria-label={word("search")}
        onInput={(event) => change({ query: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key === "Enter" && found.length) choose(`node:${graph.nodes[found[0]].name}`);
        }}
      />
      <label>
        {word("colour")}{" "}
        <select value={state.mode} onChange={(event) => change({ mode: event.currentTarget.value as Mode })}>
          {MODES.map((each) => (
            <option key={each} value={each}>
              {word(each)}
            </option>
          ))}
        </select>
      </label>
      <button onClick={() => fit()}>{word("fit")}</button>
      <button
        onClick={() => {
          const open = new Set([...tree.groups.keys()].filter(Boolean));
          change({ open: tree.groups.get("")!.size > 3000 ? firstOpen(tree, 1500) : open });
        }}
      >
        {word("openAll")}
      </button>
      <button
        onClick={() => {
          change({ open: new Set(), view: null });
          refit();
        }}
      >
        {word("closeAll")}
      </button>
      {graph.nodes.some((each) => each.part === 1) && (
        <button aria-pressed={state.backward} onClick={() => change({ backward: !state.backward })}>
          {word("backwardGraph")}
        </button>
      )}
      <button onClick={() => save("svg")}>SVG</button>
      <button onClick={() => save("png")}>PNG</button>
      <select
        aria-label={word("theme")}
        value={state.theme}
        onChange={(event) => change({ theme: event.currentTarget.value as Theme })}
      >
        {(["auto", "light", "dark"] as const).map((each) => (
          <option key={each} value={each}>
            {word(each)}
          </option>
        ))}
      </select>
      <button
        lang={state.language === "en" ? "zh" : "en"}
        onClick={() => change({ language: state.language === "en" ? "zh" : "en" })}
      >
        {state.language === "en" ? "中文" : "English"}
      </button>
      <button aria-label={word("keys")} onClick={() => showKeys()}>
        ?
      </button>
    </header>
  );
}
