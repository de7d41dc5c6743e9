import { afterEach, describe, expect, test, vi } from 'vitest';
import { ApiError, errorFrom, path, queryString, request, setCsrfToken, setUnauthorizedHandler } from '../src/api/client';

afterEach(() => {
  vi.unstubAllGlobals();
  setUnauthorizedHandler(() => undefined);
});

function answer(status: number, body: string) {
  const fetch = vi.fn<(url: string, init: RequestInit) => Promise<Response>>(() => Promise.resolve(new Response(body, { status })));
  vi.stubGlobal('fetch', fetch);
  return fetch;
}

test('path encodes every segment and refuses those a URL would swallow', () => {
  expect(path('a/b', '...', 'x?y#z')).toBe('a%2Fb/.../x%3Fy%23z');
  for (const dots of ['.', '..', '']) expect(() => path('a', dots)).toThrow(ApiError);
});

test('queryString leaves out what is not asked and repeats lists', () => {
  expect(queryString({ a: undefined, b: '', c: 0, tags: ['x', 'y z'] })).toBe('?c=0&tags=x&tags=y+z');
  expect(queryString({})).toBe('');
});

describe('errorFrom', () => {
  test('a text is the message', () => {
    expect(errorFrom(409, { detail: 'the run exists' })).toMatchObject({ status: 409, message: 'the run exists', fields: [] });
  });
  test('a list keeps its fields', () => {
    const error = errorFrom(422, { detail: [{ loc: ['body', 'conf'], msg: 'must be an object', type: 'x' }] });
    expect(error.fields).toHaveLength(1);
    expect(error.message).toBe('must be an object');
  });
  test('anything else still says the status', () => {
    expect(errorFrom(502, '<html>').message).toContain('502');
    expect(errorFrom(500, { detail: [1] }).message).toContain('500');
  });
});

describe('request', () => {
  test('unsafe methods carry the CSRF token, reads do not', async () => {
    const fetch = answer(200, '{}');
    setCsrfToken('secret');
    await request('PATCH', '/x', { body: { a: 1 } });
    await request('GET', '/x');
    const headers = fetch.mock.calls.map(([, init]) => init.headers as Record<string, string>);
    expect(headers[0]).toMatchObject({ 'x-csrf-token': 'secret', 'content-type': 'application/json' });
    expect(headers[1]).not.toHaveProperty('x-csrf-token');
  });
  test('a 401 is reported, unless the caller asked who is signed in', async () => {
    const told = vi.fn();
    setUnauthorizedHandler(told);
    answer(401, '{"detail": "sign in"}');
    await expect(request('GET', '/x')).rejects.toMatchObject({ status: 401 });
    await expect(request('GET', '/x', { quiet401: true })).rejects.toBeInstanceOf(ApiError);
    expect(told).toHaveBeenCalledTimes(1);
  });
  test('no network and no JSON are errors one can show', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('x')));
    await expect(request('GET', '/x')).rejects.toMatchObject({ status: 0 });
    answer(200, 'not json');
    await expect(request('GET', '/x')).rejects.toMatchObject({ status: 200 });
    answer(200, '');
    await expect(request('DELETE', '/x')).resolves.toBeNull();
  });
});
