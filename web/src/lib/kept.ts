// What the browser keeps of how one likes the page. One that keeps nothing, for it is full or may not, has it until the
// page is left.
const held = new Map<string, string>();

export function readKept(name: string): string | null {
  try {
    return held.get(name) ?? localStorage.getItem(name);
  } catch {
    return held.get(name) ?? null;
  }
}

export function keep(name: string, text: string): void {
  held.delete(name);
  try {
    localStorage.setItem(name, text);
  } catch {
    held.set(name, text);
  }
}
