// Plugins and settings as they are searched and shown. Pure.
import type { ConfigSection, Plugin } from '../api/types';

export interface PluginParam {
  name: string;
  type: string;
  required: boolean;
  usual: string; // its default, as JSON
  help: string;
}

const text = (value: unknown) => (typeof value === 'string' ? value : '');

export function paramOf(of: Plugin['params'][number]): PluginParam {
  const usual = of['default'];
  return { name: text(of['name']), type: text(of['type']), required: of['required'] === true, usual: usual === null || usual === undefined ? '–' : JSON.stringify(usual), help: text(of['help']) };
}

/** Those whose name, summary or one of whose parameters has the text in it. */
export function foundPlugins(plugins: readonly Plugin[], q: string): Plugin[] {
  const wanted = q.trim().toLowerCase();
  return plugins.filter((one) => [one.name, one.summary, ...one.params.map((param) => text(param['name']))].some((said) => said.toLowerCase().includes(wanted)));
}

/** By "section.key" or value; sections without one are left out, and a section that is told in several parts is one. */
export function foundSettings(sections: readonly ConfigSection[], q: string): ConfigSection[] {
  const wanted = q.trim().toLowerCase();
  const whole = new Map<string, ConfigSection['options']>();
  for (const one of sections) whole.set(one.name, [...(whole.get(one.name) ?? []), ...one.options]);
  return [...whole]
    .map(([name, options]) => ({ name, options }))
    .map((one) => ({ ...one, options: one.options.filter((option) => `${one.name}.${option.key} ${option.value}`.toLowerCase().includes(wanted)) }))
    .filter((one) => one.options.length > 0);
}
