// One clock for all that tells how long ago something was: a single timer, and none while nobody listens.
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Calls `tick` every second until the function that comes back is called. */
export function everySecond(tick: () => void): () => void {
  listeners.add(tick);
  timer ??= setInterval(() => {
    for (const listener of listeners) listener();
  }, 1000);
  return () => {
    listeners.delete(tick);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}
