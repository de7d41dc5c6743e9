import { Component } from 'preact';
import { clockTime } from '../lib/format';
import type { LogLine } from '../lib/log_tail';

interface Props {
  lines: readonly LogLine[];
}

/** A run of log lines. Drawn once: the same lines are the same object. */
export class LogChunk extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return next.lines !== this.props.lines;
  }

  override render() {
    return (
      <div class="log-chunk">
        {this.props.lines.map((line) => (
          <div key={line.number} class={`log-line log-${line.level}`}>
            <span class="log-time">{clockTime(line.time)}</span>
            <span class="log-text">{line.text}</span>
          </div>
        ))}
      </div>
    );
  }
}
