import { expect, test } from 'vitest';
import { ownTexts } from '../src/lib/own_texts';

test('a text that an editor told comes back late, and is not put in anew', () => {
  const own = ownTexts();
  own.tell('a');
  own.tell('ab');
  expect(own.takes('a')).toBe(true);
  own.tell('abc');
  expect(own.takes('abc')).toBe(true); // those between were never drawn
  expect(own.takes('ab')).toBe(false); // so this is somebody else's
});

test('what somebody else puts in makes older texts of the editor strangers, too', () => {
  const own = ownTexts();
  own.tell('a');
  expect(own.takes('given')).toBe(false);
  expect(own.takes('a')).toBe(false);
});
