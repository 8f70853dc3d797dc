// The player's bar: one step, one layer, or to any place, and what the present step says.
import type { Graph, Model } from "./model";
import type { Step } from "./player";
import { ArrayView } from "./values";
import type { Word } from "./words";

export interface PlaybarProps {
  model: Model;
  graph: Graph;
  all: Step[];
  at: number;
  count: number[];
  playing: boolean;
  setPlaying: (on: boolean) => void;
  move: (to: number) => void;
  moveLayer: (by: number) => void;
  word: (each: Word) => string;
}
export function Playbar(props: PlaybarProps) {
  const { model, graph, all, at, count, playing, setPlaying, move, moveLayer, word } = props;
  const now = all[at],
    current = now ? graph.nodes[now.node] : null;
  return (
    <footer>
      <button aria-label={word("layerBack")} title={word("layerBack")} onClick={() => moveLayer(-1)}>
        ◀◀
      </button>
      <button aria-label={word("previous")} onClick={() => move(at - 1)}>
        ◀
      </button>
      <button onClick={() => setPlaying(!playing)}>{playing ? word("pause") : word("play")}</button>
      <button aria-label={word("next")} onClick={() => move(at + 1)}>
        ▶
      </button>
      <button aria-label={word("layerOn")} title={word("layerOn")} onClick={() => moveLayer(1)}>
        ▶▶
      </button>
      <input
        type="range"
        min={-1}
        max={all.length - 1}
        value={at}
        aria-label={word("step")}
        onInput={(event) => move(Number(event.currentTarget.value))}
      />
      <span>
        {at + 1} / {all.length}
      </span>
      <div class="now" role="status">
        {now && current && (
          <>
            {word(now.phase)} · <b>{current.name}</b>{" "}
            {now.phase === "forward" ? (
              current.here
            ) : (
              <>
                · {count[0]}/{count[1]} {word("reported")}
                {current.inputs.map((each, at) =>
                  each >= 0 && current.vjp[at] && current.sent[at] >= 0 ? (
                    <span key={at}>
                      {" "}
                      · {graph.tensors[each].name}:{" "}
                      <code>{current.vjpHere[at] || (current.vjp[at].startsWith("<") ? "" : current.vjp[at])}</code>
                      {(model.summary(current.sent[at])?.size ?? 99) === 1 && (
                        <ArrayView model={model} array={current.sent[at]} name={graph.tensors[each].name} />
                      )}
                    </span>
                  ) : null,
                )}
              </>
            )}
          </>
        )}
      </div>
    </footer>
  );
}
