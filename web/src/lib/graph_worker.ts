// The layout of a large graph, beside the page's own thread: what it takes is nobody's wait.
import { layoutGraph, type GraphInput, type GraphOptions } from './graph';

onmessage = ({ data }: MessageEvent<{ tasks: readonly GraphInput[]; options: GraphOptions }>) => postMessage(layoutGraph(data.tasks, data.options));
