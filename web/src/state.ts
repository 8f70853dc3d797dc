// What a reader sees, and how the address tells it.
import type { Mode } from "./colours";
import { MODES } from "./colours";
import type { View } from "./draw";
import type { Language } from "./words";

export type Tab = "graph" | "training" | "compare";
export type Theme = "auto" | "light" | "dark";
export interface State {
  tab: Tab;
  graph: number;
  selected: string;
  open: Set<string>;
  view: View | null;
  mode: Mode;
  theme: Theme;
  language: Language;
  at: number;
  query: string;
  backward: boolean;
  snapshot: number;
}

export function toFragment(state: State): string {
  const out = new URLSearchParams();
  const put = (key: string, value: string, usual: string): void => {
    if (value !== usual) out.set(key, value);
  };
  put("tab", state.tab, "graph");
  put("graph", String(state.graph), "0");
  put("select", state.selected, "");
  if (state.open.size < 60) out.set("open", JSON.stringify([...state.open]));
  if (state.view)
    out.set("view", [state.view.x.toFixed(1), state.view.y.toFixed(1), state.view.zoom.toFixed(4)].join());
  put("colour", state.mode, "kind");
  put("theme", state.theme, "auto");
  out.set("language", state.language);
  put("step", String(state.at), "-1");
  put("find", state.query, "");
  put("backward", String(Number(state.backward)), "0");
  put("snapshot", String(state.snapshot), "-1");
  return `#${out.toString()}`;
}
export function fromFragment(fragment: string): Partial<State> {
  const given = new URLSearchParams(fragment.replace(/^#/, "")),
    out: Partial<State> = {};
  const one = <T extends string>(key: string, choices: readonly T[]): T | undefined =>
    choices.find((each) => each === given.get(key));
  const whole = (key: string): number | undefined => {
    const text = given.get(key);
    return text !== null && /^-?\d+$/.test(text) ? Number(text) : undefined;
  };
  const set = <K extends keyof State>(key: K, value: State[K] | undefined): void => {
    if (value !== undefined) out[key] = value;
  };
  set("tab", one("tab", ["graph", "training", "compare"]));
  set("graph", whole("graph"));
  set("selected", given.get("select") ?? undefined);
  try {
    const open: unknown = JSON.parse(given.get("open") ?? "null");
    if (Array.isArray(open)) out.open = new Set(open.map(String));
  } catch {
    /* a damaged address shows the usual view */
  }
  const view = given.get("view")?.split(",").map(Number);
  if (view?.length === 3 && view.every(Number.isFinite) && view[2] > 0)
    out.view = { x: view[0], y: view[1], zoom: view[2] };
  set("mode", one("colour", MODES));
  set("theme", one("theme", ["auto", "light", "dark"]));
  set("language", one("language", ["en", "zh"]));
  set("at", whole("step"));
  set("query", given.get("find") ?? undefined);
  if (given.has("backward")) out.backward = given.get("backward") === "1";
  set("snapshot", whole("snapshot"));
  return out;
}
