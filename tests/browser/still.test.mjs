// Every view of a world that stands still: at four widths, in both languages and themes, and as it was approved.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { differing } from './colours.mjs';
import { check } from './harness.mjs';
import { approvedFile, keepPicture, pictures } from './still_pictures.mjs';
import { allLooks, pairsOf, widths } from './still_views.mjs';
import { exactParse, exactText } from './still_world.mjs';

// A heading that is gone is two blocks or three, a button three or more; the same page differs by none, also with other fonts on the machine.
const mostBlocks = 1;

test('four looks of a view have every pair of width, theme and language that one view can have', () => {
  for (let at = 0; at < 4; at += 1) {
    const looks = pairsOf(at);
    assert.deepEqual(looks.map((one) => one.width), widths);
    assert.equal(new Set(looks.map((one) => `${one.language} ${one.theme}`)).size, 4);
  }
  const all = [0, 1, 2, 3].flatMap(pairsOf).map((one) => `${one.width} ${one.language} ${one.theme}`);
  assert.equal(new Set(all).size, allLooks.length, 'four views have all of them');
});

test('a picture differs where a block has another colour, and not where a letter has another edge', () => {
  assert.deepEqual(differing(['AAABBB', 'CCCDDD'], ['AACBBB', 'CCCGDD']).map, ['..', '.#']);
  assert.equal(differing(['AAA'], ['AAAAAA']).count, Infinity);
});

test('a recorded answer keeps the digits of a large number, and what only looks like one is a text', () => {
  const text = '{"a":9007199254740993,"b":[-12345678901234567890,1],"c":"id: 9007199254740993","d":"\\"9007199254740993\\\\","e":1.2345678901234567}';
  assert.equal(exactText(exactParse(text)), text);
});

test('no view sticks out in any look, says no error on the console, and looks as it was approved', async () => {
  const approved = JSON.parse(readFileSync(approvedFile, 'utf8'));
  const faults = [];
  const others = new Map(); // of pictures that are not as they were approved
  const left = new Set(Object.keys(approved));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none', '--disable-lcd-text'] });
  try {
    await pictures(browser, {
      check: (page, name) => check(page, name).catch((error) => faults.push(error.message)),
      looked: ({ name, over, faults: told }) => {
        if (over > 0) faults.push(`${name}: ${over} px too wide`);
        for (const one of told) faults.push(`${name}: ${one}`);
      },
      seen: ({ name, colours, png }) => {
        left.delete(name);
        const was = approved[name];
        const { count, all, map } = was ? differing(was, colours) : { count: Infinity, all: 0, map: ['never approved'] };
        others.delete(name);
        const isOther = count > mostBlocks;
        if (isOther) others.set(name, () => `${name}: ${count} of ${all} blocks differ, ${keepPicture(name, png)}\n${map.join('\n')}`);
        return !isOther;
      },
    });
  } finally {
    await browser.close();
  }
  assert.deepEqual([...left], [], 'approved pictures of views that there are no more');
  assert.equal([...faults, ...[...others.values()].map((tell) => tell())].join('\n\n'), '', 'look at the pictures; if they are right: ./dev pictures --approve');
});
