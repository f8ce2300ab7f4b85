/** Multiplies in the field of 256 elements that QR codes use (x^8 + x^4 + x^3 + x^2 + 1). */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> bit) & 1) * a;
  }
  return product;
}

/** The generator polynomial of that many check bytes, without its leading one. */
function generator(degree: number): readonly number[] {
  const terms = [...new Array<number>(degree - 1).fill(0), 1];
  let root = 1;
  for (let step = 0; step < degree; step += 1) {
    for (let index = 0; index < degree; index += 1) {
      terms[index] = times(terms[index] ?? 0, root) ^ (terms[index + 1] ?? 0);
    }
    root = times(root, 2);
  }
  return terms;
}

/** The check bytes of a block of data. */
export function checkBytes(data: readonly number[], count: number): readonly number[] {
  const divisor = generator(count);
  const rest = new Array<number>(count).fill(0);
  for (const byte of data) {
    const factor = byte ^ (rest.shift() ?? 0);
    rest.push(0);
    for (const [index, term] of divisor.entries()) rest[index] = (rest[index] ?? 0) ^ times(term, factor);
  }
  return rest;
}
