// What taking pictures asks of a server that was started for it.
import { createInterface } from 'node:readline';

export const patience = 240_000; // ms

// The address and the one-time code in the link that a start prints; fails when it ends before, or prints none for minutes.
export function linkOf(server) {
  return new Promise((found, failed) => {
    const limit = setTimeout(() => failed(new Error(`the server printed no link within ${patience / 1000} s`)), patience);
    createInterface({ input: server.stdout }).on('line', (line) => {
      const link = /(http:\/\/\S+)\/#login=(\S+)/.exec(line);
      if (!link) return;
      clearTimeout(limit);
      found({ url: link[1], code: link[2] });
    });
    server.on('exit', (code) => failed(new Error(`the server ended with ${code}`)));
  });
}

// What `act` answers, asked again until it answers something; `what` says in words what is waited for.
export async function until(what, act) {
  for (const end = Date.now() + patience; Date.now() < end; ) {
    const answer = await act();
    if (answer) return answer;
    await new Promise((next) => setTimeout(next, 200));
  }
  throw new Error(`${what}: not within ${patience / 1000} s`);
}

// What the page itself may ask, with its session; null where it is refused, {} for an answer without JSON.
export const ask = (page, method, path, body) =>
  page.evaluate(
    async ([how, where, what]) => {
      const { csrf_token: token } = await (await fetch('/api/batuta/session')).json();
      const headers = { 'content-type': 'application/json', 'x-csrf-token': token };
      const response = await fetch(where, { method: how, headers, ...(what ? { body: JSON.stringify(what) } : {}) });
      return response.ok ? response.json().catch(() => ({})) : null;
    },
    [method, path, body],
  );
