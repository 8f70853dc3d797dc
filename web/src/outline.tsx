// The graph as a tree that a screen reader can walk, with the same selection as the canvas.
import type { Tree } from "./scene";

interface Given {
  tree: Tree;
  open: Set<string>;
  selected: string;
  label: string;
  choose: (id: string) => void;
  toggle: (path: string) => void;
}
interface Row {
  id: string;
  path: string;
  title: string;
  more: string;
  level: number;
  open: boolean | undefined;
}
const MOST = 400;
export function Outline({ tree, open, selected, label, choose, toggle }: Given) {
  const rows: Row[] = [],
    waiting: { path: string; level: number }[] = [{ path: "", level: 0 }];
  for (let at = waiting.pop(); at !== undefined && rows.length < MOST; at = waiting.pop()) {
    const { path, level } = at,
      group = tree.groups.get(path)!;
    if (path !== "")
      rows.push({
        id: `group:${path}`,
        path,
        title: group.title,
        more: `${group.size}${group.repeat > 1 ? ` × ${group.repeat}` : ""}`,
        level,
        open: open.has(path),
      });
    if (path !== "" && !open.has(path)) continue;
    for (const each of group.nodes) {
      const node = tree.graph.nodes[each];
      rows.push({
        id: `node:${node.name}`,
        path: "",
        title: node.kind,
        more: node.name.split("/").at(-1)!,
        level: level + 1,
        open: undefined,
      });
    }
    for (const each of group.groups.toReversed()) waiting.push({ path: each, level: level + 1 });
  }
  const current = Math.max(
    0,
    rows.findIndex((each) => each.id === selected),
  );
  const onKey = (event: KeyboardEvent): void => {
    const row = rows[current],
      step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next =
      step === undefined
        ? undefined
        : rows[Math.max(0, Math.min(rows.length - 1, selected === "" ? 0 : current + step))];
    if (next) choose(next.id);
    else if (
      (event.key === "Enter" && row?.open !== undefined) ||
      (event.key === "ArrowRight" && row?.open === false) ||
      (event.key === "ArrowLeft" && row?.open === true)
    )
      toggle(row.path);
    else return;
    event.preventDefault();
    event.stopPropagation();
    const list = event.currentTarget as HTMLElement;
    requestAnimationFrame(() => list.querySelector<HTMLElement>("[tabindex='0']")?.focus());
  };
  if (!rows.length) return null;
  return (
    <ul role="tree" aria-label={label} onKeyDown={onKey}>
      {rows.map((row, at) => (
        <li
          key={row.id}
          role="treeitem"
          aria-level={row.level}
          aria-expanded={row.open}
          aria-selected={row.id === selected}
          tabIndex={at === current ? 0 : -1}
          style={{ paddingLeft: `${(row.level - 1) * 12}px` }}
          onClick={() => choose(row.id)}
          onDblClick={() => {
            if (row.path) toggle(row.path);
          }}
        >
          <span>
            {row.open === undefined ? "" : row.open ? "▾ " : "▸ "}
            {row.title} <small>{row.more}</small>
          </span>
        </li>
      ))}
    </ul>
  );
}
