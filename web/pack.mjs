// node pack.mjs FOLDER: lets index.html lead to the other files under a hash of them all, so that browsers keep each for ever,
// and writes the gzip and Brotli forms of each file beside it, as small as they get. The server sends them to browsers that take
// them, and compresses no file itself. What the first view needs has a bound: past it the build fails, and what is opened seldom
// belongs into views/lake_views.ts.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const folder = process.argv[2];
const names = readdirSync(folder).filter((name) => !/\.(gz|br)$/.test(name)).sort();
const read = (name) => readFileSync(join(folder, name));

const hash = createHash('sha256');
for (const name of names) if (name !== 'index.html') hash.update(`${name}\n`).update(read(name));
const under = `/a/${hash.digest('hex').slice(0, 16)}/`;
const index = read('index.html').toString();
// Browsers ask for the favicon where there is no page too.
const led = index.replaceAll('"./favicon.svg"', '"/favicon.svg"').replaceAll('"./', `"${under}`);
if (!led.includes(`"${under}app.js"`) || !led.includes(`"${under}app.css"`)) throw new Error('index.html leads to no app.js and app.css beside it');
writeFileSync(join(folder, 'index.html'), led);

for (const name of names) {
  const bytes = read(name);
  writeFileSync(join(folder, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  writeFileSync(join(folder, `${name}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT } }));
}

const most = 120_000;
const first = ['index.html', 'app.js', 'app.css'].reduce((sum, name) => sum + statSync(join(folder, `${name}.gz`)).size, 0);
if (first > most) throw new Error(`the first view is ${first} bytes as gzip, and at most ${most} are allowed`);
