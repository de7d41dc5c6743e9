// Versions of a table in an address.

/** What is one, whole: also for a box of a form. */
export const versionPattern = String.raw`\d{1,15}`;
const wholeVersion = new RegExp(`^${versionPattern}$`);

/** A whole number from 0; anything else is none. */
export const versionOf = (text: string | null): number | null => (text !== null && wholeVersion.test(text) ? Number(text) : null);

/** Columns that make a key, as they are typed: by commas, each once. */
export const keyOf = (typed: string): string[] => [...new Set(typed.split(',').map((one) => one.trim()).filter((one) => one !== ''))];
