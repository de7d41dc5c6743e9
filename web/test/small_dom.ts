// As much of a document as the views need to be drawn and clicked without a browser: elements, texts,
// attributes and events, no layout. What is seen is for tests/browser.
import { vi } from 'vitest';

type Listener = (event: FakeEvent) => void;

export class FakeEvent {
  target: FakeNode | null = null;
  currentTarget: FakeNode | null = null;
  constructor(readonly type: string) {}
  preventDefault(): void {}
}

export class FakeNode {
  readonly childNodes: FakeNode[] = [];
  parentNode: FakeNode | null = null;
  data = '';
  value = '';
  checked = false;
  disabled = false;
  scrollLeft = 0;
  scrollTop = 0;
  readonly scrollWidth = 900;
  readonly clientHeight = 300;
  // Preact looks whether there is such a handler to know an event's name.
  readonly onclick = null;
  readonly onchange = null;
  readonly attributes = new Map<string, string>();
  private readonly listeners = new Map<string, Listener>();

  constructor(
    readonly localName: string,
    readonly nodeType: number,
  ) {}

  get firstChild(): FakeNode | null {
    return this.childNodes[0] ?? null;
  }
  get nextSibling(): FakeNode | null {
    const beside = this.parentNode?.childNodes ?? [];
    return beside[beside.indexOf(this) + 1] ?? null;
  }
  get text(): string {
    return this.data + this.childNodes.map((one) => one.text).join('');
  }

  insertBefore(node: FakeNode, before: FakeNode | null): FakeNode {
    node.remove();
    const at = before ? this.childNodes.indexOf(before) : this.childNodes.length;
    this.childNodes.splice(at, 0, node);
    node.parentNode = this;
    return node;
  }
  appendChild(node: FakeNode): FakeNode {
    return this.insertBefore(node, null);
  }
  removeChild(node: FakeNode): FakeNode {
    node.remove();
    return node;
  }
  remove(): void {
    const beside = this.parentNode?.childNodes;
    beside?.splice(beside.indexOf(this), 1);
    this.parentNode = null;
  }
  contains(node: FakeNode | null): boolean {
    return node !== null && (node === this || this.contains(node.parentNode));
  }

  setAttribute(name: string, value: unknown): void {
    this.attributes.set(name, String(value));
  }
  removeAttribute(name: string): void {
    this.attributes.delete(name);
  }
  addEventListener(name: string, listener: Listener): void {
    this.listeners.set(name, listener);
  }
  removeEventListener(name: string): void {
    this.listeners.delete(name);
  }
  fire(name: string): void {
    const event = new FakeEvent(name);
    event.target = event.currentTarget = this;
    this.listeners.get(name)?.call(this, event);
  }
  listens(name: string): boolean {
    return this.listeners.has(name);
  }
  showModal(): void {}
  close(): void {}

  all(name: string): FakeNode[] {
    return this.childNodes.flatMap((one) => [...(one.localName === name ? [one] : []), ...one.all(name)]);
  }
  button(text: string): FakeNode {
    const found = this.all('button').find((one) => one.text === text || one.attributes.get('aria-label') === text);
    if (!found) throw new Error(`no button ${text} in: ${this.text}`);
    return found;
  }
}

/** Puts the document, the address and the browser's languages into place; before the page is imported. */
export function openDocument(hash: string, languages: readonly string[] = ['en']) {
  const kept = new Map<string, string>();
  const watchers = new Map<string, Set<() => void>>();
  const root = new FakeNode('div', 1);
  const place = { hash, pathname: '/', reload: vi.fn() };
  const go = (next: string) => {
    place.hash = next;
    watchers.get('hashchange')?.forEach((one) => one());
  };
  vi.stubGlobal('document', {
    title: '',
    documentElement: { lang: '' },
    createElementNS: (_: string, name: string) => new FakeNode(name, 1),
    createTextNode: (data: string) => Object.assign(new FakeNode('', 3), { data }),
    getElementById: () => null,
  });
  vi.stubGlobal('location', place);
  vi.stubGlobal('history', { replaceState: (_: unknown, __: string, url: string) => void (place.hash = url.slice(1)) });
  vi.stubGlobal('localStorage', { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => kept.set(name, value) });
  vi.stubGlobal('navigator', { languages });
  vi.stubGlobal('HashChangeEvent', FakeEvent);
  vi.stubGlobal('addEventListener', (name: string, one: () => void) => void watchers.set(name, (watchers.get(name) ?? new Set()).add(one)));
  vi.stubGlobal('removeEventListener', (name: string, one: () => void) => void watchers.get(name)?.delete(one));
  vi.stubGlobal('dispatchEvent', (event: FakeEvent) => watchers.get(event.type)?.forEach((one) => one()));
  return { root, place, kept, go };
}
