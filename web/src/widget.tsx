// The two ways in: a page of its own, and a widget inside a notebook.
import { render } from "preact";
import { App, type Hooks } from "./app";
import { DocumentError, modelOf, readDocument, type Model, type RawDocument } from "./model";
import { STYLE } from "./style";
import { appendStep } from "./training";
import { say, type Language } from "./words";

function show(place: Element | ShadowRoot, model: Model, hooks: Hooks, version: number): void {
  render(<App model={model} hooks={hooks} version={version} />, place);
}
function refuse(place: Element | ShadowRoot, error: unknown): void {
  const code = error instanceof DocumentError ? error.code : "broken",
    languages: Language[] = navigator.language.startsWith("zh") ? ["zh", "en"] : ["en", "zh"];
  render(
    <div class="page" role="alert" style={{ padding: "24px", font: "16px/1.5 system-ui" }}>
      <h1>localgrad</h1>
      {languages.map((each) => (
        <p key={each} lang={each}>
          {say(each, code)}
        </p>
      ))}
      <p>
        <small>{error instanceof Error ? error.message : String(error)}</small>
      </p>
    </div>,
    place,
  );
}
async function fetched(address: string): Promise<RawDocument> {
  const answer = await fetch(address, { cache: "no-store" });
  if (!answer.ok) throw new DocumentError("broken", `${answer.status} ${address}`);
  return (await answer.json()) as RawDocument;
}

async function page(): Promise<void> {
  const style = document.createElement("style"),
    place = document.getElementById("localgrad")!;
  style.textContent = STYLE;
  document.head.append(style);
  const explorer: Record<string, unknown> = {},
    hooks: Hooks = { explorer, address: true };
  Object.assign(globalThis, { __explorer: explorer });
  explorer.snapshot = () => ({ ready: false, messages: [place.textContent] });
  try {
    const text = document.getElementById("localgrad-document")?.textContent ?? "";
    let load: string | undefined;
    try {
      load = (JSON.parse(text) as RawDocument).load;
    } catch {
      /* read again below, where it is told */
    }
    let model = load === undefined ? readDocument(text) : modelOf(await fetched(load)),
      version = 0;
    document.title = model.raw.title ? `${model.raw.title} – localgrad` : "localgrad";
    show(place, model, hooks, version);
    const live = model.raw.live;
    if (!live?.events) return;
    const events = new EventSource(live.events);
    const again = async (): Promise<void> => {
      model = modelOf(await fetched(live.document ?? "document.json"));
      show(place, model, hooks, ++version);
    };
    let lost = false;
    events.onerror = () => {
      lost = true;
    };
    events.onopen = () => {
      if (lost) {
        lost = false;
        void again();
      }
    };
    events.onmessage = (message: MessageEvent<string>) => {
      const event = JSON.parse(message.data) as { type: string; step: number };
      if (event.type === "document" || event.type === "alarm") void again();
      else if (event.type === "step") {
        appendStep(model, event);
        show(place, model, hooks, ++version);
      } else if (event.type === "end") {
        events.close();
        if (model.raw.training) model.raw.training.running = false;
        show(place, model, hooks, ++version);
      }
    };
  } catch (error) {
    refuse(place, error);
  }
}

interface Traits {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, act: () => void): void;
  off(event: string, act: () => void): void;
}
function widget({ model: traits, el }: { model: Traits; el: HTMLElement }): () => void {
  const frame = document.createElement("div"),
    root = frame.attachShadow({ mode: "open" }),
    style = document.createElement("style"),
    place = document.createElement("div");
  style.textContent = STYLE;
  place.style.height = `${Number(traits.get("height")) || 620}px`;
  root.append(style, place);
  el.append(frame);
  const explorer: Record<string, unknown> = {},
    language = traits.get("language");
  Object.assign(frame, { __explorer: explorer });
  const put = (name: string, value: unknown): void => {
    if (traits.get(name) !== value) {
      traits.set(name, value);
      traits.save_changes();
    }
  };
  let model: Model | null = null,
    version = 0;
  const again = (): void => {
    if (!model) return;
    show(
      place,
      model,
      {
        explorer,
        address: false,
        language: language === "zh" || language === "en" ? language : undefined,
        selection: String(traits.get("selection") ?? ""),
        onSelect: (name) => {
          put("selection", name);
        },
        onStep: (at) => {
          put("step", at);
        },
      },
      ++version,
    );
  };
  const read = (): void => {
    try {
      model = readDocument(String(traits.get("document") ?? ""));
      again();
    } catch (error) {
      refuse(place, error);
    }
  };
  const step = (): void => {
    const to = Number(traits.get("step")),
      act = explorer.step as ((at: number) => void) | undefined,
      now = (explorer.snapshot as () => { player: { at: number } } | undefined)?.();
    if (now && now.player.at !== to) act?.(to);
  };
  read();
  const watched: [string, () => void][] = [
    ["change:document", read],
    ["change:selection", again],
    ["change:step", step],
  ];
  for (const [event, act] of watched) traits.on(event, act);
  return () => {
    for (const [event, act] of watched) traits.off(event, act);
    render(null, place);
    frame.remove();
  };
}
export default { render: widget, page };
