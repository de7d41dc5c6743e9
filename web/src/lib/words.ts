// The page's words in the reader's language. English is written where it is used and is its own key;
// the others are tables of the same sentences (lang/). {name} in a sentence stands for a value.
import { portuguese } from '../lang/pt';
import { keep, readKept } from './kept';

export type Language = 'en' | 'pt';
type Values = Readonly<Record<string, string | number>>;

const tables: Record<Language, Record<string, string>> = { en: {}, pt: { ...portuguese } };
const kept = 'batuta-language';

/** `tag`: as the document and the browser's own formats name it. */
export const languages: readonly { id: Language; name: string; tag: string }[] = [
  { id: 'en', name: 'English', tag: 'en' },
  { id: 'pt', name: 'Português', tag: 'pt-BR' },
];

export const tagOf = (language: Language): string => languages.find((one) => one.id === language)?.tag ?? language;

/** What was chosen here before, else the first of the browser's languages that there is. */
export function chooseLanguage(chosen: string | null, offered: readonly string[]): Language {
  const known = (text: string) => languages.find((one) => one.id === text.slice(0, 2).toLowerCase())?.id;
  return known(chosen ?? '') ?? offered.map(known).find((one) => one !== undefined) ?? 'en';
}

export const language: Language =
  typeof document === 'undefined' ? 'en' : chooseLanguage(readKept(kept), navigator.languages);

/** The page is drawn anew: its words are in every part of it. */
export function setLanguage(next: Language): void {
  keep(kept, next);
  location.reload();
}

export function translate(to: Language, text: string, values: Values = {}): string {
  const sentence = tables[to][text] ?? text;
  return sentence.replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}

/** Sentences that come with a file of views: before any of it says them. */
export function addWords(to: Language, words: Readonly<Record<string, string>>): void {
  Object.assign(tables[to], words);
}

export const t = (text: string, values?: Values, to: Language = language): string => translate(to, text, values);
