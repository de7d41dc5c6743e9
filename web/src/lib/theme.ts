// Light, dark, or as the system has it. The colours are written once, for the system's choice (css/colors.css); who chooses
// here has those rules hold always or never.
import { keep, readKept } from './kept';

export type Theme = 'system' | 'light' | 'dark';

const kept = 'batuta-theme';
const themes: readonly Theme[] = ['system', 'light', 'dark'];
const ofSystem = '(prefers-color-scheme: dark)';
const media: Record<Theme, string> = { system: ofSystem, light: 'not all', dark: 'all' };

export const themeOf = (text: string | null): Theme => themes.find((one) => one === text) ?? 'system';
export const nextTheme = (of: Theme): Theme => themes[(themes.indexOf(of) + 1) % themes.length] ?? 'system';

export const chosenTheme = (): Theme => themeOf(readKept(kept));

/** Which of the rules are those of the dark: once a rule is changed, its text no longer says so. */
const darkRules: CSSMediaRule[] = [];

function find(): void {
  if (darkRules.length > 0) return;
  for (const sheet of document.styleSheets) {
    for (const rule of sheet.cssRules) if (rule instanceof CSSMediaRule && rule.media.mediaText === ofSystem) darkRules.push(rule);
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === 'system' && darkRules.length === 0) return; // as it is written
  find();
  for (const rule of darkRules) rule.media.mediaText = media[theme];
  document.documentElement.style.colorScheme = theme === 'system' ? 'light dark' : theme;
}

export function setTheme(theme: Theme): void {
  keep(kept, theme);
  applyTheme(theme);
}
