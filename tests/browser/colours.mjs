// Pictures as the mean colours of their blocks: small enough for the repository, and the same whatever a letter's edge looks like.
//   a picture is a list of lines, one for each row of blocks; three characters are the red, green and blue of one

const block = 40; // px a side
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-'; // 64 steps

/** Of a PNG; `page` is any page of a browser, which can read it. */
export async function coloursOf(page, png) {
  return page.evaluate(
    async ([data, side, steps]) => {
      const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const canvas = new OffscreenCanvas(image.width, image.height);
      const drawn = canvas.getContext('2d');
      drawn.drawImage(image, 0, 0);
      const { data: pixels, width, height } = drawn.getImageData(0, 0, image.width, image.height);
      const lines = [];
      for (let top = 0; top < height; top += side) {
        let line = '';
        for (let left = 0; left < width; left += side) {
          const sum = [0, 0, 0];
          let count = 0;
          for (let y = top; y < Math.min(height, top + side); y += 1) {
            for (let x = left; x < Math.min(width, left + side); x += 1) {
              const at = (y * width + x) * 4;
              for (const part of [0, 1, 2]) sum[part] += pixels[at + part];
              count += 1;
            }
          }
          for (const part of sum) line += steps[Math.round(part / count / 255 * 63)];
        }
        lines.push(line);
      }
      return lines;
    },
    [png.toString('base64'), block, digits],
  );
}

const steps = (line, at) => [0, 1, 2].map((part) => digits.indexOf(line[at * 3 + part]));

/** Which blocks differ by more than a step or two of 64. A picture of another size differs all over. */
export function differing(one, other, most = 2) {
  if (one.length !== other.length || one.some((line, at) => line.length !== other[at].length)) return { blocks: [], count: Infinity, all: one.length, map: ['another size'] };
  const blocks = [];
  const map = one.map((line, row) => {
    let shown = '';
    for (let at = 0; at < line.length / 3; at += 1) {
      const [a, b] = [steps(line, at), steps(other[row], at)];
      const isOff = a.some((value, part) => Math.abs(value - b[part]) > most);
      if (isOff) blocks.push({ x: at * block, y: row * block });
      shown += isOff ? '#' : '.';
    }
    return shown;
  });
  return { blocks, count: blocks.length, all: one.length * (one[0]?.length ?? 0) / 3, map };
}
