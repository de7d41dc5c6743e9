// node pack.mjs FOLDER: writes the gzip form of each file beside it, as small as it gets. The server
// sends it to browsers that take it, and compresses no file itself.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const folder = process.argv[2];
for (const name of readdirSync(folder)) {
  if (name.endsWith('.gz')) continue;
  writeFileSync(join(folder, `${name}.gz`), gzipSync(readFileSync(join(folder, name)), { level: 9 }));
}
