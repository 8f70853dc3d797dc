// The side: what is known of the chosen node, tensor or layer, and what the document has to say.
import { NodeCard, PathCard, TensorCard } from "./card";
import type { Graph, Model } from "./model";
import type { Tree } from "./scene";
import { plainName, tensorOf } from "./snapshot";
import type { State } from "./state";
import { isWord, type Word } from "./words";

export interface SideProps {
  model: Model;
  graph: Graph;
  tree: Tree;
  state: State;
  lit: Set<number> | null;
  setLit: (each: Set<number> | null) => void;
  change: (part: Partial<State>) => void;
  choose: (id: string) => void;
  toggle: (path: string) => void;
  refit: () => void;
  reach: (forwards: boolean) => void;
  follow: () => void;
  word: (each: Word) => string;
}
export function Side(props: SideProps) {
  const { model, graph, tree, state, lit, setLit, change, choose, toggle, refit, reach, follow, word } = props;
  const node = state.selected.startsWith("node:") ? graph.byName.get(state.selected.slice(5)) : undefined;
  const tensor = tensorOf(graph, state.selected);
  return (
    <section class="card" aria-label={word("card")} tabIndex={0}>
      {model.raw.failure && (
        <div class="note bad" role="alert">
          {model.raw.failure.type} {model.raw.failure.message}
        </div>
      )}
      {(model.raw.notes ?? []).map((each, at) => (
        <div class="note" key={at}>
          {isWord(each.code) ? word(each.code) : ""} {each.text}
        </div>
      ))}
      {!graph.nodes.length && <p>{word("emptyGraph")}</p>}
      {state.snapshot >= 0 && (
        <p class="note">
          {word("step")} {state.snapshot} <button onClick={() => change({ snapshot: -1 })}>{word("clear")}</button>
        </p>
      )}
      {lit && (
        <p>
          <button onClick={() => setLit(null)}>{word("clear")}</button>
        </p>
      )}
      {node !== undefined ? (
        <>
          <p>
            <button onClick={() => reach(false)}>{word("ancestors")}</button>{" "}
            <button onClick={() => reach(true)}>{word("descendants")}</button>{" "}
            <button onClick={follow}>{word("path")}</button>
          </p>
          <NodeCard
            graph={graph}
            language={state.language}
            choose={choose}
            index={node}
            openBody={(each) => {
              change({ graph: each, selected: "", view: null });
              refit();
            }}
          />
        </>
      ) : tensor ? (
        <>
          <h2>{tensor.name}</h2>
          <TensorCard
            graph={graph}
            language={state.language}
            choose={choose}
            index={tensor.index}
            title={word(
              tensor.role === 0
                ? "inner"
                : (["inner", "input", "parameter", "constant", "state"] as const)[tensor.role],
            )}
          />
          <PathCard graph={graph} language={state.language} choose={choose} tensor={tensor.index} />
        </>
      ) : state.selected.startsWith("group:") && tree.groups.has(plainName(state.selected)) ? (
        <>
          <h2>{plainName(state.selected)}</h2>
          <p>
            {tree.groups.get(plainName(state.selected))!.size} {word("nodes")}
          </p>
          <button onClick={() => toggle(plainName(state.selected))}>
            {state.open.has(plainName(state.selected)) ? "▾" : "▸"} {tree.groups.get(plainName(state.selected))!.title}
          </button>
        </>
      ) : (
        <p class="facts">{word("nothing")}</p>
      )}
      {model.raw.left_out && (
        <details>
          <summary>
            {word("leftOut")}: {model.raw.left_out.names.length}
          </summary>
          <p class="facts">{model.raw.left_out.names.slice(0, 200).join(", ")}</p>
        </details>
      )}
    </section>
  );
}
