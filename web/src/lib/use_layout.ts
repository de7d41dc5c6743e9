// Where the boxes of a graph stand. A small one is laid out at once, a large one by a worker; what was drawn stays meanwhile.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { layoutGraph, type Graph, type GraphInput, type GraphOptions } from './graph';

/** More boxes than this take longer than a frame or two. */
export const mostAtOnce = 150;

type Ask = (tasks: readonly GraphInput[], options: GraphOptions, signal: AbortSignal) => Promise<Graph>;

/** A worker for each layout: one that nobody waits for any more is ended. Where there is none, the page does it itself. */
export const askWorker: Ask = (tasks, options, signal) =>
  new Promise((resolve) => {
    const here = () => resolve(layoutGraph(tasks, options));
    let worker: Worker;
    try {
      worker = new Worker(new URL('./graph_worker.ts', import.meta.url), { type: 'module' });
    } catch {
      return here();
    }
    signal.addEventListener('abort', () => worker.terminate());
    worker.onmessage = ({ data }: MessageEvent<Graph>) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = () => {
      worker.terminate();
      if (!signal.aborted) here();
    };
    worker.postMessage({ tasks, options });
  });

/** Null: there is none, as long as `boxes` is null, or not yet. */
export function useLayout(tasks: readonly GraphInput[], options: GraphOptions, boxes: number | null, ask: Ask = askWorker): Graph | null {
  const { groups, open, down } = options;
  const isSmall = boxes !== null && boxes <= mostAtOnce;
  const small = useMemo(() => (isSmall ? layoutGraph(tasks, options) : null), [isSmall, tasks, groups, open, down]); // eslint-disable-line react-hooks/exhaustive-deps -- what `options` is made of
  const isLarge = boxes !== null && !isSmall;
  const [large, setLarge] = useState<Graph | null>(null);
  useEffect(() => {
    if (!isLarge) return setLarge(null);
    const abort = new AbortController();
    void ask(tasks, options, abort.signal).then((graph) => !abort.signal.aborted && setLarge(graph));
    return () => abort.abort();
  }, [isLarge, tasks, groups, open, down, ask]); // eslint-disable-line react-hooks/exhaustive-deps -- what `options` is made of
  return small ?? (isLarge ? large : null);
}
