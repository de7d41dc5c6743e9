import { Component } from 'preact';
import { withSearch } from '../lib/address';
import { ansiParts } from '../lib/ansi';
import { clockTime } from '../lib/format';
import { shortLine, type LogLine } from '../lib/log_part';
import { splitFound } from '../lib/log_search';

interface Props {
  lines: readonly LogLine[];
  query: string; // in small letters; its places are marked
  chosen: number | null; // the line that is pointed at, where it is one of these
  place: string; // the address of the log, to which a line is added
}

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

/** A run of log lines. Drawn once: the same lines are the same object. */
export class LogChunk extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return next.lines !== this.props.lines || next.query !== this.props.query || next.chosen !== this.props.chosen || next.place !== this.props.place;
  }

  override render() {
    const { lines, query, chosen, place } = this.props;
    return (
      <div class="log-chunk">
        {lines.map((line) => (
          <div key={line.offset} class={`log-line log-${line.level} ${line.offset === chosen ? 'is-chosen' : ''}`} data-offset={line.offset}>
            <a class="log-time" href={withSearch(place, { line: line.offset })} tabIndex={-1}>
              {clockTime(line.time) || '·'}
            </a>
            <Text line={line} query={query} />
          </div>
        ))}
      </div>
    );
  }
}
