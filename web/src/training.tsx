// The history of a training: a matrix of layers and steps, curves, alarms.
import { useEffect, useRef, useState } from "preact/hooks";
import { scale } from "./colours";
import { column, type Column } from "./columns";
import type { Model } from "./model";
import { format } from "./values";
import { isWord, say, type Language } from "./words";

interface Given {
  model: Model;
  language: Language;
  onCell: (row: string, step: number) => void;
  version: number;
}
export function Training({ model, language, onCell, version }: Given) {
  const history = model.raw.training!,
    strings = model.raw.strings,
    [series, setSeries] = useState("gradient_norm"),
    place = useRef<HTMLCanvasElement>(null),
    [said, setSaid] = useState("");
  const count = Array.isArray(history.steps) ? history.steps.length : column(history.steps, 0, 0).length,
    steps = column(history.steps, count, 0),
    rows = history.layers.length;
  const values = column(history.series[series], rows * count, NaN);
  const known = Array.from(values).filter((each) => each > 0 && Number.isFinite(each)),
    share = series === "dead" || series === "saturation";
  const low = share ? 0 : Math.log10(known.reduce((a, b) => Math.min(a, b), Infinity)),
    high = share ? 1 : Math.log10(known.reduce((a, b) => Math.max(a, b), 0));
  useEffect(() => {
    const pen = place.current?.getContext("2d");
    if (!pen || !count) return;
    pen.clearRect(0, 0, count, rows);
    for (let row = 0; row < rows; row++)
      for (let at = 0; at < count; at++) {
        const each = values[row * count + at];
        if (Number.isNaN(each)) continue;
        pen.fillStyle = Number.isFinite(each)
          ? scale(share ? each : each > 0 ? (Math.log10(each) - low) / (high - low || 1) : 0)
          : "#d55e00";
        pen.fillRect(at, row, 1, 1);
      }
  }, [series, version, language, count]);
  const cell = (event: MouseEvent): [number, number] => {
    const box = place.current!.getBoundingClientRect();
    return [
      Math.min(rows - 1, Math.floor(((event.clientY - box.top) / box.height) * rows)),
      Math.min(count - 1, Math.floor(((event.clientX - box.left) / box.width) * count)),
    ];
  };
  const name = (row: number): string => strings[history.layers[row]],
    alarms = history.alarms,
    target = (row: number): string => {
      const id = history.parameters?.[row];
      return id ? `leaf:${strings[id]}` : `group:${name(row)}`;
    };
  const read = (table: NonNullable<typeof alarms>, key: string): ArrayLike<number> =>
    column(table[key] as Column, table.count as number, 0);
  return (
    <section class="wide" aria-label={say(language, "training")}>
      <p>
        {Object.keys(history.series).map((each) => (
          <button key={each} aria-pressed={each === series} onClick={() => setSeries(each)}>
            {isWord(each) ? say(language, each) : each}
          </button>
        ))}{" "}
        <span class="facts">
          {share ? "0 … 1" : known.length ? `${(10 ** low).toExponential(1)} … ${(10 ** high).toExponential(1)}` : ""} ·{" "}
          {say(language, "step")} {count ? `${steps[0]} … ${steps[count - 1]}` : ""}
        </span>
      </p>
      <div style={{ display: "flex", gap: "8px" }}>
        <div>
          {history.layers.map((_, row) => (
            <div key={row} style={{ height: "18px" }}>
              <button class="link" onClick={() => onCell(target(row), count ? steps[count - 1] : 0)}>
                {name(row)}
              </button>
            </div>
          ))}
        </div>
        <canvas
          ref={place}
          class="matrix"
          role="img"
          aria-label={`${say(language, "rowOf")} × ${say(language, "step")}`}
          width={Math.max(1, count)}
          height={Math.max(1, rows)}
          style={{ width: "min(900px, 70%)", height: `${rows * 18}px` }}
          onMouseMove={(event) => {
            const [row, at] = cell(event);
            setSaid(`${name(row)} · ${say(language, "step")} ${steps[at]} · ${format(values[row * count + at])}`);
          }}
          onClick={(event) => {
            const [row, at] = cell(event);
            onCell(target(row), steps[at]);
          }}
        />
      </div>
      <p class="facts">{said || "\u00a0"}</p>
      {(history.metrics ?? []).map((each) => (
        <Curve
          key={`${each.name}${each.split}`}
          name={[each.split, each.name].filter(Boolean).join(" ")}
          values={column(each.values, count, NaN)}
          count={count}
        />
      ))}
      {alarms && (alarms.count as number) > 0 && (
        <>
          <h3>{say(language, "alarms")}</h3>
          <ul>
            {Array.from({ length: alarms.count as number }, (_, at) => (
              <li key={at} class="note">
                {say(language, "step")} {read(alarms, "step")[at]} ·{" "}
                {read(alarms, "row")[at] >= 0 ? name(read(alarms, "row")[at]) : ""}{" "}
                {strings[read(alarms, "message")[at]]}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
function Curve({ name, values, count }: { name: string; values: ArrayLike<number>; count: number }) {
  const list = Array.from({ length: count }, (_, at) => values[at]),
    known = list.filter(Number.isFinite),
    low = known.reduce((a, b) => Math.min(a, b), Infinity),
    high = known.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!known.length) return null;
  const points = list
    .flatMap((each, at) =>
      Number.isFinite(each)
        ? [`${(at / Math.max(1, count - 1)) * 600},${80 - ((each - low) / (high - low || 1)) * 76}`]
        : [],
    )
    .join(" ");
  return (
    <figure style={{ margin: "8px 0" }}>
      <figcaption>
        {name}{" "}
        <small>
          {format(low)} … {format(high)} · {format(known.at(-1)!)}
        </small>
      </figcaption>
      <svg role="img" aria-label={name} viewBox="0 0 600 82" style={{ width: "100%", maxWidth: "700px" }}>
        <polyline points={points} fill="none" stroke="currentColor" stroke-width="1.5" />
      </svg>
    </figure>
  );
}
/** Adds what a live training reports to the columns. */
export function appendStep(
  model: Model,
  event: { step: number; metrics?: Record<string, number | null>; series?: Record<string, (number | null)[]> },
): void {
  const history = model.raw.training;
  if (!history) return;
  const plain = (given: Column): number[] => (Array.isArray(given) ? given : Array.from(column(given, 0, 0)));
  const steps = plain(history.steps),
    count = steps.length,
    rows = history.layers.length;
  if (count && event.step <= steps[count - 1]) return;
  for (const [name, given] of Object.entries(history.series)) {
    const old = plain(given),
      made: number[] = [];
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < count; at++) made.push(old[row * count + at]);
      made.push(event.series?.[name]?.[row] ?? NaN);
    }
    history.series[name] = made;
  }
  for (const metric of history.metrics ?? [])
    metric.values = [
      ...plain(metric.values),
      event.metrics?.[metric.split ? `${metric.split} ${metric.name}` : metric.name] ??
        event.metrics?.[metric.name] ??
        NaN,
    ];
  history.steps = [...steps, event.step];
}
const STATUS = ["equal", "added", "removed", "shapeChanged", "numbersChanged", "kindChanged"] as const;
export function Compare({
  model,
  language,
  choose,
}: {
  model: Model;
  language: Language;
  choose: (id: string) => void;
}) {
  const { left, right, names, rows, first } = model.raw.compare!,
    count = rows.count as number,
    read = (key: string, fallback: number): ArrayLike<number> =>
      column(rows[key] as Column | undefined, count, fallback);
  const status = read("status", 0),
    a = read("left", -1),
    b = read("right", -1),
    value = read("value", NaN),
    gradient = read("gradient", NaN),
    cosine = read("cosine", NaN);
  const order = Array.from({ length: count }, (_, at) => at).filter((at) => status[at] !== 0),
    nameOf = (graph: number, node: number): string => (node < 0 ? "" : model.graphs[graph].nodes[node].name);
  const shown = order.slice(0, 500),
    tally = STATUS.map((each, at) => [each, Array.from(status).filter((one) => one === at).length] as const).filter(
      ([, many]) => many > 0,
    );
  const number = (given: number): string => (Number.isNaN(given) ? "" : format(given));
  return (
    <section class="wide" aria-label={say(language, "compare")}>
      <h2>
        {names[0]} – {names[1]}
      </h2>
      <p>{tally.map(([each, many]) => `${say(language, each)}: ${many}`).join(" · ")}</p>
      {first >= 0 && (
        <p class="note">
          {say(language, "first")}:{" "}
          <button class="link" onClick={() => choose(`node:${nameOf(left, a[first]) || nameOf(right, b[first])}`)}>
            {nameOf(left, a[first]) || nameOf(right, b[first])}
          </button>
        </p>
      )}
      <table>
        <thead>
          <tr>
            <th />
            <th>{names[0]}</th>
            <th>{names[1]}</th>
            <th>{say(language, "value")} |Δ|/|a|</th>
            <th>{say(language, "itsGradient")} |Δ|/|a|</th>
            <th>cos</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((at) => (
            <tr key={at}>
              <td>{say(language, STATUS[status[at]])}</td>
              <td>
                {a[at] >= 0 && (
                  <button class="link" onClick={() => choose(`node:${nameOf(left, a[at])}`)}>
                    {nameOf(left, a[at])}
                  </button>
                )}
              </td>
              <td>{nameOf(right, b[at])}</td>
              <td>{number(value[at])}</td>
              <td>{number(gradient[at])}</td>
              <td>{number(cosine[at])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
