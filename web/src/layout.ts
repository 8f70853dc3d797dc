// Where boxes lie: each open group is laid out alone, in time linear in its edges, and the same way every time.

export interface Item {
  id: string;
  width: number;
  height: number;
  chip: boolean;
}
export interface Placed {
  x: number;
  y: number;
}
export interface Plate {
  width: number;
  height: number;
  places: Map<string, Placed>;
  ranks: Map<string, number>;
  routes: Map<string, [number, number][]>;
}

const GAP_X = 26,
  GAP_Y = 38,
  SWEEPS = 6,
  MOST_BENDS = 3000;

/** Ranks boxes downwards along the edges, orders each rank by the middle of its neighbours, and sets them in rows. */
export function layoutGroup(given: Item[], edges: [string, string][], top = 0, side = 0): Plate {
  const items = [...given];
  const index = new Map(items.map((each, at) => [each.id, at]));
  const after: number[][] = items.map(() => []),
    before: number[][] = items.map(() => []);
  const seen = new Set<number>();
  for (const [from, to] of edges) {
    const a = index.get(from),
      b = index.get(to);
    if (a === undefined || b === undefined || a === b || seen.has(a * items.length + b)) continue;
    seen.add(a * items.length + b);
    after[a].push(b);
    before[b].push(a);
  }
  const rank = ranks(items, after, before),
    bends = bendLongEdges(items, after, before, rank);
  const rows: number[][] = [];
  rank.forEach((each, at) => (rows[each] ??= []).push(at));
  const rowList = rows.filter((each) => each !== undefined);
  const place = new Float64Array(items.length);
  const number = (row: number[]): void => {
    row.forEach((each, at) => {
      place[each] = (at + 0.5) / row.length;
    });
  };
  rowList.forEach(number);
  const middle = (list: number[]): number => list.reduce((sum, each) => sum + place[each], 0) / list.length;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const row of down ? rowList : rowList.toReversed()) {
      const wish = new Map(
        row.map((each) => {
          const near = down ? before[each] : after[each];
          return [each, near.length ? middle(near) : place[each]];
        }),
      );
      row.sort((a, b) => wish.get(a)! - wish.get(b)! || a - b);
      number(row);
    }
  }
  const x = new Float64Array(items.length),
    y = new Float64Array(items.length),
    tops = new Float64Array(items.length);
  let height = top;
  for (const row of rowList) {
    const tall = Math.max(...row.map((each) => items[each].height));
    let right = 0;
    for (const each of row) {
      x[each] = right + items[each].width / 2;
      right += items[each].width + GAP_X;
      y[each] = height + tall - items[each].height;
      tops[each] = height;
    }
    const shift = (right - GAP_X) / 2;
    for (const each of row) x[each] -= shift;
    height += tall + GAP_Y;
  }
  straighten(rowList, items, before, after, x);
  let low = Infinity,
    high = -Infinity;
  items.forEach((each, at) => {
    low = Math.min(low, x[at] - each.width / 2);
    high = Math.max(high, x[at] + each.width / 2);
  });
  if (items.length === 0) {
    low = 0;
    high = 60;
    height = top + 20 + GAP_Y;
  }
  const places = new Map(given.map((each, at) => [each.id, { x: x[at] - each.width / 2 - low + side, y: y[at] }]));
  const through = (at: number): [number, number][] => [
    [x[at] - low + side, tops[at]],
    [x[at] - low + side, y[at]],
  ];
  const routes = new Map(bends.map(([key, list]) => [key, list.flatMap(through)]));
  given.forEach((each, at) => {
    if (each.height === 0) routes.set(each.id, through(at));
  });
  return {
    width: high - low + 2 * side,
    height: height - GAP_Y + side,
    places,
    ranks: new Map(given.map((each, at) => [each.id, rank[at]])),
    routes,
  };
}

/** An edge over several rows gets a place of its own in each of them, so that it passes beside the boxes. */
function bendLongEdges(items: Item[], after: number[][], before: number[][], rank: number[]): [string, number[]][] {
  const found: [string, number[]][] = [],
    count = items.length;
  let left = MOST_BENDS;
  for (let from = 0; from < count; from++)
    for (const [at, to] of [...after[from].entries()]) {
      const span = rank[to] - rank[from] - 1;
      if (span < 1 || span > left) continue;
      left -= span;
      const made: number[] = [];
      for (let step = 1; step <= span; step++) {
        made.push(items.push({ id: "", width: 6, height: 0, chip: false }) - 1);
        rank.push(rank[from] + step);
        after.push([]);
        before.push([]);
      }
      after[from][at] = made[0];
      before[to][before[to].indexOf(from)] = made[span - 1];
      made.forEach((each, step) => {
        before[each].push(step ? made[step - 1] : from);
        after[each].push(step < span - 1 ? made[step + 1] : to);
      });
      found.push([`${items[from].id}\n${items[to].id}`, made]);
    }
  return found;
}

/** Longest way from the top; what nothing but chips feeds (a parameter and its chain) goes just above its reader. */
function ranks(items: Item[], after: number[][], before: number[][]): number[] {
  const rank = items.map(() => 0),
    open = before.map((each) => each.length);
  const order = items.map((_, at) => at).filter((at) => open[at] === 0);
  const light = items.map((each) => each.chip);
  for (let at = 0; at < order.length; at++) {
    const item = order[at];
    if (before[item].length && before[item].every((each) => light[each])) light[item] = true;
    for (const next of after[item]) {
      rank[next] = Math.max(rank[next], rank[item] + 1);
      if (--open[next] === 0) order.push(next);
    }
  }
  for (const item of order.toReversed())
    if (light[item] && after[item].length)
      rank[item] = Math.max(rank[item], Math.min(...after[item].map((each) => rank[each])) - 1);
  return rank;
}

/** Moves boxes towards the middle of their neighbours where their row has room. */
function straighten(rows: number[][], items: Item[], before: number[][], after: number[][], x: Float64Array): void {
  for (let sweep = 0; sweep < 8; sweep++) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : rows.toReversed()) {
      if (row.length > 400) continue; // a row that wide is read by search, not by eye
      const wish = row.map((each) => {
        const near = (down ? before[each] : after[each]).filter(
          (one) => items[each].chip || !items[one].chip || !before[each].some((other) => !items[other].chip),
        );
        return near.length ? near.reduce((sum, one) => sum + x[one], 0) / near.length : x[each];
      });
      // Boxes that would overlap move as one block, to the mean of their wishes: the least squares answer in one pass.
      const blocks: { from: number; offset: number[]; sum: number }[] = [];
      row.forEach((_, at) => {
        let block = { from: at, offset: [0], sum: wish[at] };
        for (let last = blocks.at(-1); last; last = blocks.at(-1)) {
          const end = last.from + last.offset.length - 1;
          const apart = (items[row[end]].width + items[row[end + 1]].width) / 2 + GAP_X;
          const start = block.sum / block.offset.length - mean(block.offset),
            previous = last.sum / last.offset.length - mean(last.offset) + last.offset.at(-1)!;
          if (start >= previous + apart) break;
          blocks.pop();
          const move = last.offset.at(-1)! + apart;
          block = {
            from: last.from,
            offset: [...last.offset, ...block.offset.map((one) => one + move)],
            sum: last.sum + block.sum,
          };
        }
        blocks.push(block);
      });
      for (const block of blocks) {
        const start = block.sum / block.offset.length - mean(block.offset);
        block.offset.forEach((one, at) => {
          x[row[block.from + at]] = start + one;
        });
      }
    }
  }
}
const mean = (list: number[]): number => list.reduce((sum, each) => sum + each, 0) / list.length;
