// The whole log of a try, window by window as the server gives it. Pieces are handed to the browser at
// once, so that a log of hundreds of megabytes does not lie in the page's own memory.

export interface LogWindow {
  text: string;
  token: string | null; // where the next window starts; null at the end of an ended try
}

/** `told` hears after each window how many bytes have come. A try that still writes is read up to now. */
export async function wholeLog(
  read: (token: string | null) => Promise<LogWindow>,
  told: (bytes: number) => void,
): Promise<Blob> {
  const pieces: Blob[] = [];
  let bytes = 0;
  for (let token: string | null = null; ; ) {
    const window: LogWindow = await read(token);
    const piece = new Blob([window.text]);
    pieces.push(piece);
    bytes += piece.size;
    told(bytes);
    if (window.token === null || window.token === token || window.text === '') break;
    token = window.token;
  }
  return new Blob(pieces, { type: 'text/plain' });
}
