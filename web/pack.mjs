// node pack.mjs FOLDER: writes the gzip form of each file beside it, as small as it gets. The server
// sends it to browsers that take it, and compresses no file itself. What the first view needs has a bound: past it the build
// fails, and what is opened seldom belongs into views/lake_views.ts.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const folder = process.argv[2];
for (const name of readdirSync(folder)) {
  if (name.endsWith('.gz')) continue;
  writeFileSync(join(folder, `${name}.gz`), gzipSync(readFileSync(join(folder, name)), { level: 9 }));
}

const most = 120_000;
const first = ['index.html', 'app.js', 'app.css'].reduce((sum, name) => sum + statSync(join(folder, `${name}.gz`)).size, 0);
if (first > most) throw new Error(`the first view is ${first} bytes as gzip, and at most ${most} are allowed`);
