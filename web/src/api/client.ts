// One way to talk to the server: JSON in and out, the session's CSRF token on unsafe methods, every
// failure an ApiError, and a 401 anywhere reported once to whoever shows the login.
import { jsonText, parseJson } from '../lib/exact_json';
import { t } from '../lib/words';

export interface FieldProblem {
  loc: (string | number)[];
  msg: string;
  ctx?: Record<string, unknown>; // such as where in a statement
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: FieldProblem[] = [],
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

let csrfToken = '';
let onUnauthorized: () => void = () => undefined;

export function setCsrfToken(token: string): void {
  csrfToken = token;
}

export function setUnauthorizedHandler(handler: () => void): void {
  onUnauthorized = handler;
}

function isFieldProblem(value: unknown): value is FieldProblem {
  const problem = value as FieldProblem | null;
  return typeof problem?.msg === 'string' && Array.isArray(problem.loc);
}

/** The API's error body ({"detail": text | list}) as an ApiError; any other body still yields one. */
export function errorFrom(status: number, body: unknown): ApiError {
  const detail = (body as { detail?: unknown } | null)?.detail;
  if (typeof detail === 'string') return new ApiError(status, detail);
  if (Array.isArray(detail)) {
    const fields = detail.filter(isFieldProblem);
    if (fields.length > 0) return new ApiError(status, fields.map((f) => f.msg).join('; '), fields);
  }
  return new ApiError(status, t('The server answered {status}.', { status }));
}

export type Query = Record<string, string | number | boolean | string[] | undefined>;

export function queryString(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return text ? `?${text}` : '';
}

/**
 * Joins path segments, each encoded, so that no id can reach another route. A URL cannot carry a dot
 * segment, however written; no id is one, so whoever asks is told that there is no such thing.
 */
export function path(...segments: (string | number)[]): string {
  const texts = segments.map(String);
  if (texts.some((text) => text === '' || text === '.' || text === '..')) {
    throw new ApiError(404, t('There is no such thing.'));
  }
  return texts.map(encodeURIComponent).join('/');
}

interface Options {
  body?: unknown;
  signal?: AbortSignal | undefined;
  quiet401?: boolean;
}

// A failure of the network or of the server as an ApiError; the caller reads what is left.
async function ask(url: string, init: RequestInit, options: Options): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: 'same-origin', ...(options.signal ? { signal: options.signal } : {}) });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiError(0, t('The server cannot be reached.'));
  }
  if (response.status === 401 && !options.quiet401) onUnauthorized();
  if (!response.ok) throw errorFrom(response.status, await readBody(response));
  return response;
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text();
  if (!text) return null;
  try {
    return parseJson(text);
  } catch {
    throw new ApiError(response.status, t('The server answered {status}, not in JSON.', { status: response.status }));
  }
}

export async function request<T>(method: string, url: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (method !== 'GET') headers['x-csrf-token'] = csrfToken;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const body = options.body === undefined ? {} : { body: jsonText(options.body) };
  return (await readBody(await ask(url, { method, headers, ...body }, options))) as T;
}

/** A text and the token that leads to what follows it; null at the end. */
export async function getText(url: string, signal?: AbortSignal): Promise<{ text: string; token: string | null }> {
  const response = await ask(url, { headers: { accept: 'text/plain' } }, { signal });
  return { text: await response.text(), token: response.headers.get('x-continuation-token') };
}

export const get = <T>(url: string, signal?: AbortSignal): Promise<T> =>
  request<T>('GET', url, { signal });
