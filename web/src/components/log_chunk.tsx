import { Component, createRef } from 'preact';
import { withSearch } from '../lib/address';
import { ansiParts } from '../lib/ansi';
import { clockTime } from '../lib/format';
import { shortLine, type LogLine } from '../lib/log_part';
import { splitFound } from '../lib/log_search';

interface Props {
  lines: readonly LogLine[];
  query: string; // folded; its places are marked
  chosen: number | null; // the line that is pointed at, where it is one of these
  lineName: string; // what the address calls it
}

interface State {
  isSeen: boolean; // it is, or nearly, in sight: marks are drawn there alone
}

const seen = new WeakMap<Element, (isSeen: boolean) => void>();
let watcher: IntersectionObserver | undefined;

function watch(element: Element, told: (isSeen: boolean) => void): void {
  watcher ??= new IntersectionObserver((entries) => entries.forEach((entry) => seen.get(entry.target)?.(entry.isIntersecting)), { rootMargin: '300px' });
  seen.set(element, told);
  watcher.observe(element);
}

/** The address of a line: of the log as it is shown now, with the search in it. */
export const lineLink = (lineName: string, offset: string | number): string => withSearch(location.hash, { [lineName]: offset });

function Text({ line, query }: { line: LogLine; query: string }) {
  return (
    <span class="log-text">
      {ansiParts(shortLine(line.text)).map((part, at) => {
        const pieces = splitFound(part.text, query).map((piece, number) => (number % 2 === 1 ? <mark key={number}>{piece}</mark> : piece));
        return part.style === '' ? pieces : <span key={at} class={part.style}>{pieces}</span>;
      })}
    </span>
  );
}

/** A run of log lines. Drawn once: the same lines are the same object, and what is searched for is marked in sight alone. */
export class LogChunk extends Component<Props, State> {
  override state: State = { isSeen: false };
  private readonly box = createRef<HTMLDivElement>();

  override componentDidMount(): void {
    if (this.box.current) watch(this.box.current, (isSeen) => isSeen !== this.state.isSeen && this.setState({ isSeen }));
  }

  override componentWillUnmount(): void {
    if (this.box.current) watcher?.unobserve(this.box.current);
  }

  override shouldComponentUpdate(next: Props, state: State): boolean {
    const marked = (props: Props, { isSeen }: State) => (isSeen ? props.query : '');
    return next.lines !== this.props.lines || next.chosen !== this.props.chosen || marked(next, state) !== marked(this.props, this.state);
  }

  override render() {
    const { lines, chosen, lineName } = this.props;
    const query = this.state.isSeen ? this.props.query : '';
    return (
      <div class="log-chunk" ref={this.box}>
        {lines.map((line) => (
          <div key={line.offset} class={`log-line log-${line.level} ${line.offset === chosen ? 'is-chosen' : ''}`} data-offset={line.offset}>
            <a class="log-time" href={lineLink(lineName, line.offset)} tabIndex={-1}>
              {clockTime(line.time) || '·'}
            </a>
            <Text line={line} query={query} />
          </div>
        ))}
      </div>
    );
  }
}
