// Which rows of a long list are worth drawing: those in sight and a few beyond.

export interface Window {
  first: number;
  last: number; // one past
  before: number; // height above the first drawn row, in px
  after: number;
}

export function visibleWindow(
  total: number,
  rowHeight: number,
  scrollTop: number,
  viewHeight: number,
  extra = 10,
): Window {
  const top = Math.max(0, Math.min(scrollTop, total * rowHeight - viewHeight));
  const first = Math.max(0, Math.floor(top / rowHeight) - extra);
  const last = Math.min(total, Math.ceil((top + viewHeight) / rowHeight) + extra);
  return { first, last, before: first * rowHeight, after: (total - last) * rowHeight };
}
