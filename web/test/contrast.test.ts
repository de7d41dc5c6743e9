/// <reference types="vite/client" />
import { expect, test } from 'vitest';
import colors from '../src/css/colors.css?raw';
import states from '../src/css/states.css?raw';

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const halves = (css: string) => css.split('@media (prefers-color-scheme: dark)');
const surfaces = halves(colors).map((half) => /--surface: (#\w{6})/.exec(half)?.[1] ?? '');

test.each([0, 1])('every state is seen against the surface and its mark upon it (theme %i)', (theme) => {
  const rows = [...(halves(states)[theme] ?? '').matchAll(/\.state-(\w+) \{ --state: (#\w{6}); --on-state: (#\w{6}); \}/g)];
  expect(rows).toHaveLength(13);
  for (const [, name, fill = '', mark = ''] of rows) {
    expect([name, contrast(fill, surfaces[theme] ?? '') >= 3, contrast(fill, mark) >= 3]).toEqual([name, true, true]);
  }
});
