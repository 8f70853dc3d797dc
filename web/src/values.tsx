// Values and gradients: tables for the small, heat maps for the larger, summaries for all.
import { useEffect, useRef, useState } from "preact/hooks";
import { mathElement } from "./mathml";
import type { Model, Summary } from "./model";

export function format(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "Inf" : "-Inf";
  if (value === 0 || (Number.isInteger(value) && Math.abs(value) < 1e6)) return String(value);
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5
    ? String(Number(value.toPrecision(4)))
    : value.toExponential(2);
}
export function Markup({ text }: { text: string }) {
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (text.startsWith("<math")) {
      const made = mathElement(text);
      if (made) place.current?.replaceChildren(made);
    }
  }, [text]);
  return text.startsWith("<math") ? <span class="math" ref={place} key={text} /> : <code>{text}</code>;
}
export function ArrayView({ model, array, name }: { model: Model; array: number; name: string }) {
  const summary = model.summary(array);
  if (!summary) return null;
  const columns = Math.max(1, Number(summary.shape.at(-1) ?? 1)),
    entries = summary.entries;
  const facts =
    summary.size === 0
      ? "0 entries"
      : summary.size === 1
        ? ""
        : `min ${format(summary.min)} · max ${format(summary.max)} · mean ${format(summary.mean)} · std ${format(summary.std)} · norm ${format(summary.norm)}${summary.zeros ? ` · zeros ${summary.zeros}` : ""}`;
  return (
    <div class="array" data-array={name}>
      {entries && summary.size === 1 ? (
        <code>{format(entries[0])}</code>
      ) : entries && summary.size > 0 && summary.size <= 64 ? (
        <Entries entries={entries} columns={columns} label={name} />
      ) : entries && summary.size > 0 && summary.size <= 4096 ? (
        <Heat entries={entries} columns={columns} label={name} />
      ) : summary.picture && summary.columns ? (
        <Heat entries={summary.picture} columns={summary.columns} label={name} />
      ) : null}
      {summary.nan + summary.inf > 0 && (
        <b class="bad">
          NaN {summary.nan} · Inf {summary.inf}
        </b>
      )}
      {facts && <div class="facts">{facts}</div>}
      {summary.size > 64 && <Bars summary={summary} label={name} />}
    </div>
  );
}
function Entries({ entries, columns, label }: { entries: ArrayLike<number>; columns: number; label: string }) {
  const rows = Array.from({ length: Math.ceil(entries.length / columns) }, (_, row) =>
    Array.from({ length: columns }, (_, at) => entries[row * columns + at]),
  );
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class="entries">
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {row.map((each, index) => (
                <td key={index} title={String(each)} class={Number.isFinite(each) ? "" : "bad"}>
                  {format(each)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
function Heat({ entries, columns, label }: { entries: ArrayLike<number>; columns: number; label: string }) {
  const place = useRef<HTMLCanvasElement>(null),
    [at, setAt] = useState(-1);
  const rows = Math.ceil(entries.length / columns);
  useEffect(() => {
    const pen = place.current?.getContext("2d");
    if (!pen) return;
    const image = pen.createImageData(columns, rows);
    let most = 0;
    for (let each = 0; each < entries.length; each++)
      if (Number.isFinite(entries[each])) most = Math.max(most, Math.abs(entries[each]));
    for (let each = 0; each < entries.length; each++) {
      const value = most ? entries[each] / most : 0,
        deep = Number.isFinite(value) ? Math.abs(value) : 1;
      // Blue for below zero, orange above, white at zero; black where there is no number.
      const colour = !Number.isFinite(entries[each]) ? [0, 0, 0] : value < 0 ? [0, 114, 178] : [213, 94, 0];
      for (let part = 0; part < 3; part++)
        image.data[each * 4 + part] = Number.isFinite(entries[each]) ? 255 + (colour[part] - 255) * deep : 0;
      image.data[each * 4 + 3] = 255;
    }
    pen.putImageData(image, 0, 0);
  }, [entries, columns, rows]);
  const wide = Math.min(300, Math.max(80, columns * 8));
  return (
    <div class="heat">
      <canvas
        ref={place}
        width={columns}
        height={rows}
        role="img"
        aria-label={label}
        style={{ width: `${wide}px`, height: `${Math.min(240, Math.max(10, (wide / columns) * rows))}px` }}
        onMouseMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          setAt(
            Math.min(rows - 1, Math.floor(((event.clientY - box.top) / box.height) * rows)) * columns +
              Math.min(columns - 1, Math.floor(((event.clientX - box.left) / box.width) * columns)),
          );
        }}
        onMouseLeave={() => setAt(-1)}
      />
      <span class="facts">
        {at >= 0 && at < entries.length
          ? `[${Math.floor(at / columns)}, ${at % columns}] = ${format(entries[at])}`
          : "\u00a0"}
      </span>
    </div>
  );
}
function Bars({ summary, label }: { summary: Summary; label: string }) {
  const most = Math.max(...summary.histogram, 1);
  if (!summary.histogram.length) return null;
  return (
    <svg
      class="bars"
      role="img"
      aria-label={`${label}: ${format(summary.min)} … ${format(summary.max)}`}
      viewBox={`0 0 ${summary.histogram.length * 8} 34`}
    >
      {summary.histogram.map((each, at) => (
        <rect key={at} x={at * 8} width={7} y={34 - (each / most) * 34} height={(each / most) * 34} />
      ))}
    </svg>
  );
}
