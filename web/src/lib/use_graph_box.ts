// The box around a graph: how large it is drawn, and how it is moved with the mouse.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Graph } from './graph';

const least = 0.2;
const most = 2.5;
const readable = 0.75; // a first picture is not drawn smaller than this
const bounded = (zoom: number) => Math.max(least, Math.min(most, zoom));
const farEnough = 4; // px: less is a click

export function useGraphBox(graph: Graph | null) {
  const box = useRef<HTMLDivElement>(null);
  const [zoom, setZoomTo] = useState(1);
  const setZoom = (next: number) => setZoomTo(bounded(next));
  const toFit = (smallest: number) => {
    const element = box.current;
    if (!element || !graph) return;
    const [width, height] = [element.clientWidth - 24, element.clientHeight - 24];
    setZoomTo(bounded(Math.min(1, Math.max(smallest, Math.min(width / graph.width, height / graph.height)))));
  };
  const hasGraph = graph !== null;
  useLayoutEffect(() => {
    if (hasGraph) toFit(readable);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when there is a picture; later the reader decides
  }, [hasGraph]);
  // By hand, since the browser's own listeners may not refuse to scroll.
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      setZoomTo((old) => bounded(old * (event.deltaY < 0 ? 1.12 : 1 / 1.12)));
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, [hasGraph]);
  const from = useRef<{ x: number; y: number; left: number; top: number; isMoved: boolean } | null>(null);
  const pan = {
    onPointerDown: (event: PointerEvent) => {
      const element = box.current;
      if (!element || event.pointerType !== 'mouse' || event.button !== 0) return;
      from.current = { x: event.clientX, y: event.clientY, left: element.scrollLeft, top: element.scrollTop, isMoved: false };
    },
    onPointerMove: (event: PointerEvent) => {
      const start = from.current;
      const element = box.current;
      if (!start || !element || event.buttons !== 1) return;
      const [x, y] = [event.clientX - start.x, event.clientY - start.y];
      if (Math.abs(x) + Math.abs(y) < farEnough) return;
      start.isMoved = true;
      element.scrollLeft = start.left - x;
      element.scrollTop = start.top - y;
    },
    // What ends a pull is no click on the box under it.
    onClickCapture: (event: MouseEvent) => {
      if (from.current?.isMoved) event.stopPropagation();
      from.current = null;
    },
  };
  return { box, zoom, setZoom, fit: () => toFit(least), pan };
}
