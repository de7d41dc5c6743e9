import { expect, test } from 'vitest';
import { foundPlugins, foundSettings, paramOf } from '../src/lib/installation';
import { assetLink, parseRoute } from '../src/lib/route';

const plugin = (name: string, summary: string, params: Record<string, unknown>[] = []) => ({ kind: 'builtin', name, params, sha256: '', summary, version: '1' });

test('plugins are found by name, summary and parameter', () => {
  const all = [plugin('shell', 'runs a command', [{ name: 'command' }]), plugin('sql', 'asks a Database')];
  expect(foundPlugins(all, 'COMMAND').map((one) => one.name)).toEqual(['shell']);
  expect(foundPlugins(all, 'database').map((one) => one.name)).toEqual(['sql']);
  expect(foundPlugins(all, ' ')).toHaveLength(2);
});

test('a parameter without a default says so, and a default is JSON', () => {
  expect(paramOf({ name: 'a', type: 'text', required: false, default: null, help: 'x' }).usual).toBe('–');
  expect(paramOf({ name: 'a', type: 'list', required: true, default: [1], help: 'x' })).toEqual({ name: 'a', type: 'list', required: true, usual: '[1]', help: 'x' });
});

test('settings are found by their whole name and their value', () => {
  const sections = [{ name: 'lake', options: [{ key: 'memory', value: '640' }, { key: 'threads', value: '1' }] }, { name: 'batuta', options: [{ key: 'lease', value: '10s' }] }, { name: 'lake', options: [{ key: 'port', value: '0' }] }];
  expect(foundSettings(sections, 'lake.mem')).toEqual([{ name: 'lake', options: [{ key: 'memory', value: '640' }] }]);
  expect(foundSettings(sections, '').map((one) => [one.name, one.options.length])).toEqual([['lake', 3], ['batuta', 1]]);
  expect(foundSettings(sections, '10s').map((one) => one.name)).toEqual(['batuta']);
});

test('assets and the installation have places', () => {
  expect(parseRoute('#/assets')).toEqual({ view: 'assets' });
  expect(parseRoute(assetLink(7))).toEqual({ view: 'asset', id: 7 });
  expect(parseRoute('#/assets/x')).toEqual({ view: 'unknown' });
  expect(parseRoute('#/installation?tab=settings')).toEqual({ view: 'installation', tab: 'settings' });
});
