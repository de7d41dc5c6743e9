// CodeMirror with what the page needs of it: JSON and SQL, problems at their places, words of the reader's language.
// A file of its own, loaded where a text is edited. It imports nothing of the page: an old page can load a new editor.
// It lives in a shadow root, whose styles are made by script: the page's policy lets no <style> in.
import { autocompletion, closeBrackets, closeCompletion, completeFromList, ifNotIn, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { sql } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, type KeyBinding } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { lakeSql } from './sql_dialect';

export interface TextProblem {
  from: number; // offsets into the text
  to: number;
  kind: 'error' | 'warning';
  message: string;
}

/** Columns by the name of their table, as a statement names it. */
export type SqlTables = Readonly<Record<string, readonly string[]>>;

export interface EditorOptions {
  text: string;
  language: 'json' | 'sql';
  label: string;
  describedBy?: string; // what helps a reader that does not see it
  phrases: Readonly<Record<string, string>>; // CodeMirror's own words, in the reader's language
  isReadOnly?: boolean; // it is walked, searched with the browser, chosen and copied
  onChange: (text: string) => void;
  keys?: readonly { key: string; run: () => void }[];
}

export interface Editor {
  setText: (text: string) => void; // onChange is not told of it
  setProblems: (problems: readonly TextProblem[]) => void;
  setTables: (tables: SqlTables) => void;
  choose: (from: number, to: number) => void; // and bring it into view
  selection: () => [from: number, to: number];
  destroy: () => void;
}

const mono = "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', Menlo, monospace";

// The page's colours, light and dark: custom properties reach into the shadow.
const look = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'var(--surface)', fontSize: '0.82rem', height: '100%' },
  '&.cm-focused': { outline: 'none' }, // the box around it shows it, above gutter and marked lines
  '.cm-scroller': { fontFamily: mono, lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--text)', padding: '0.5rem 0' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--muted)', border: '0', borderRight: '1px solid var(--line)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--sunken)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-soft)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)', outline: '1px solid var(--line-strong)' },
  '.cm-tooltip, .cm-panels': { backgroundColor: 'var(--surface)', color: 'var(--text)', border: '1px solid var(--line-strong)' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-diagnostic': { fontFamily: 'system-ui, sans-serif', maxWidth: '34rem', whiteSpace: 'pre-wrap' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--danger)' },
  '.cm-lintRange-warning': { backgroundImage: 'none', textDecoration: 'underline wavy var(--warning)' },
});

// Chrome, when it writes over a marked text by itself, gives the new one the colours of the old as an inline style, which
// the page's policy refuses and tells of. So such a text is put in here, by the way that CodeMirror reads typed text.
const writeOver = EditorView.domEventHandlers({
  beforeinput: (event, view) => {
    const { main } = view.state.selection;
    const text = event.data;
    if (event.inputType !== 'insertText' || text === null || !event.cancelable || event.isComposing || view.composing || main.empty || view.state.readOnly) return false;
    const insert = () => view.state.update(view.state.replaceSelection(text), { userEvent: 'input.type', scrollIntoView: true });
    const isTaken = view.state.facet(EditorView.inputHandler).some((take) => take(view, main.from, main.to, text, insert)); // brackets around it, say
    if (!isTaken) view.dispatch(insert());
    return true;
  },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--accent-strong)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--warning)' },
  { tag: tags.keyword, color: 'var(--accent-strong)', fontWeight: '600' },
  { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
]);

function languageOf(language: EditorOptions['language'], tables: SqlTables): Extension {
  if (language === 'json') return json();
  const columns = [...new Set(Object.values(tables).flat())].map((label) => ({ label, type: 'property', boost: 1 }));
  return [
    sql({ dialect: lakeSql, upperCaseKeywords: true, schema: Object.fromEntries(Object.entries(tables).map(([name, those]) => [name, [...those]])) }),
    lakeSql.language.data.of({ autocomplete: ifNotIn(['String', 'LineComment', 'BlockComment', '.'], completeFromList(columns)) }),
  ];
}

export function makeEditor(host: HTMLElement, options: EditorOptions): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const language = new Compartment();
  let isGiven = false; // the text that is put in, which whoever gave it knows
  const own: KeyBinding[] = (options.keys ?? []).map(({ key, run }) => ({ key, run: (view) => (closeCompletion(view), run(), true), preventDefault: true }));
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        EditorState.phrases.of({ ...options.phrases }),
        lineNumbers(),
        history(),
        drawSelection(),
        writeOver,
        highlightActiveLine(),
        highlightActiveLineGutter(),
        indentOnInput(),
        indentUnit.of('  '),
        EditorState.tabSize.of(2),
        EditorState.readOnly.of(options.isReadOnly === true),
        bracketMatching(),
        closeBrackets(),
        ...(options.language === 'sql' ? [autocompletion(), EditorView.lineWrapping] : [lintGutter()]),
        language.of(languageOf(options.language, {})),
        look,
        syntaxHighlighting(colours),
        // The tab key is left to the page: whoever has no mouse must get out again.
        keymap.of([...own, ...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.contentAttributes.of({ 'aria-label': options.label, ...(options.isReadOnly === true ? { 'aria-readonly': 'true' } : {}), spellcheck: 'false', tabindex: '0', ...(options.describedBy ? { 'aria-description': options.describedBy } : {}) }),
        EditorView.updateListener.of((update) => update.docChanged && !isGiven && options.onChange(update.state.doc.toString())),
      ],
    }),
  });
  const within = (at: number) => Math.max(0, Math.min(at, view.state.doc.length));
  return {
    setText: (text) => {
      isGiven = true;
      if (text !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      isGiven = false;
    },
    setProblems: (problems) => {
      const shown: Diagnostic[] = problems.map((one) => ({ from: within(one.from), to: Math.max(within(one.from), within(one.to)), severity: one.kind, message: one.message }));
      view.dispatch(setDiagnostics(view.state, shown));
    },
    setTables: (tables) => view.dispatch({ effects: language.reconfigure(languageOf(options.language, tables)) }),
    choose: (from, to) => {
      view.dispatch({ selection: { anchor: within(from), head: within(to) }, effects: EditorView.scrollIntoView(within(from), { y: 'center' }) });
      view.focus();
    },
    selection: () => [view.state.selection.main.from, view.state.selection.main.to],
    destroy: () => view.destroy(),
  };
}
