// The canvas: drawing, moving, zooming and choosing.
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Colouring, Palette } from "./colours";
import { boxAt, draw, type Marks, type View } from "./draw";
import type { Graph } from "./model";
import type { Box, Scene } from "./scene";

interface Given {
  graph: Graph;
  scene: Scene;
  view: View;
  setView: (view: View) => void;
  palette: Palette;
  colours: Colouring;
  marks: Marks;
  onBox: (box: Box | undefined, twice: boolean) => void;
  onKey: (event: KeyboardEvent) => void;
  onSize: (width: number, height: number) => void;
  onPaint: () => void;
  label: string;
}
export function Stage(given: Given) {
  const place = useRef<HTMLCanvasElement>(null),
    latest = useRef(given),
    drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  latest.current = given;
  useLayoutEffect(() => {
    const now = latest.current;
    if (place.current) {
      draw(place.current, now.scene, now.view, now.graph, now.palette, now.colours, now.marks);
      now.onPaint();
    }
  });
  useEffect(() => {
    const canvas = place.current!;
    const watch = new ResizeObserver(() => {
      latest.current.onSize(canvas.clientWidth, canvas.clientHeight);
    });
    watch.observe(canvas);
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      const { view, setView } = latest.current;
      if (event.ctrlKey || event.metaKey || !event.shiftKey) {
        const box = canvas.getBoundingClientRect();
        setView(zoomed(view, Math.exp(-event.deltaY / 500), event.clientX - box.left, event.clientY - box.top));
      } else setView({ ...view, x: view.x - event.deltaX - event.deltaY });
    };
    canvas.addEventListener("wheel", wheel, { passive: false });
    return () => {
      watch.disconnect();
      canvas.removeEventListener("wheel", wheel);
    };
  }, []);
  const hit = (event: MouseEvent): Box | undefined => {
    const box = place.current!.getBoundingClientRect(),
      { view, scene } = given;
    return boxAt(
      scene,
      (event.clientX - box.left - view.x) / view.zoom,
      (event.clientY - box.top - view.y) / view.zoom,
    );
  };
  return (
    <canvas
      ref={place}
      tabIndex={0}
      role="application"
      aria-label={given.label}
      onKeyDown={given.onKey}
      onDblClick={(event) => given.onBox(hit(event), true)}
      onPointerDown={(event) => {
        drag.current = { x: event.clientX, y: event.clientY, moved: false };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        const from = drag.current;
        if (!from) return;
        const x = event.clientX - from.x,
          y = event.clientY - from.y;
        if (!from.moved && Math.abs(x) + Math.abs(y) < 4) return;
        drag.current = { x: event.clientX, y: event.clientY, moved: true };
        given.setView({ ...given.view, x: given.view.x + x, y: given.view.y + y });
      }}
      onPointerUp={(event) => {
        if (drag.current && !drag.current.moved) given.onBox(hit(event), false);
        drag.current = null;
      }}
    />
  );
}
export function zoomed(view: View, factor: number, x: number, y: number): View {
  const zoom = Math.max(0.005, Math.min(4, view.zoom * factor));
  return { zoom, x: x - ((x - view.x) / view.zoom) * zoom, y: y - ((y - view.y) / view.zoom) * zoom };
}
