/** Maximum pooling over images of any number of axes, in plain loops in float64, and random geometries of it. */
import type { Generator } from "../oracle/random.ts"

/** Windows of `kernel` taps at `output` positions, over images `[count, ...image, channels]`. */
export interface Pool {
  readonly count: number
  readonly channels: number
  readonly image: ReadonlyArray<number>
  readonly kernel: ReadonlyArray<number>
  readonly stride: ReadonlyArray<number>
  readonly pad: "valid" | "same" | number
  readonly before: ReadonlyArray<number>
  readonly output: ReadonlyArray<number>
}

/** Random sizes over so many axes, all windows partly inside the image where the padding is no number. */
export const randomPool = (random: Generator, axes: number, pads: ReadonlyArray<Pool["pad"]>): Pool => {
  for (;;) {
    const some = (from: number, below: number) =>
      Array.from({ length: axes }, () => from + random.integer(below - from))
    const [image, kernel, stride] = [some(2, axes === 2 ? 9 : 6), some(1, 4), some(1, 4)]
    const pad = pads[random.integer(pads.length)]!
    const pool = poolOf({
      ...{ image, kernel, stride, pad },
      count: 2 + random.integer(2),
      channels: 1 + random.integer(9)
    })
    if (pool.output.every((side) => side > 0)) return pool
  }
}

export const poolOf = (given: Omit<Pool, "before" | "output">): Pool => {
  const { image, kernel, pad, stride } = given
  const output = image.map((side, i) =>
    pad === "same"
      ? Math.ceil(side / stride[i]!)
      : Math.floor((side + 2 * (pad === "valid" ? 0 : pad) - kernel[i]!) / stride[i]!) + 1
  )
  // Where windows leave pixels between them out, tfjs has padding below 0 over three axes.
  const least = image.length === 3 ? Number.NEGATIVE_INFINITY : 0
  const before = image.map((side, i) =>
    pad === "same"
      ? Math.floor(Math.max(least, (output[i]! - 1) * stride[i]! + kernel[i]! - side) / 2)
      : pad === "valid"
        ? 0
        : pad
  )
  return { ...given, output, before }
}

export const sizeOf = (sides: ReadonlyArray<number>): number => sides.reduce((all, side) => all * side, 1)

export const imagesOf = ({ channels, count, image }: Pool): Array<number> => [count, ...image, channels]
export const outputsOf = ({ channels, count, output }: Pool): Array<number> => [count, ...output, channels]

/** All indices of an array of these sides, in order. */
const cells = (sides: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> =>
  sides.reduce<Array<ReadonlyArray<number>>>(
    (all, side) => all.flatMap((cell) => Array.from({ length: side }, (_, i) => [...cell, i])),
    [[]]
  )

const flat = (cell: ReadonlyArray<number>, sides: ReadonlyArray<number>): number =>
  cell.reduce((at, i, axis) => at * sides[axis]! + i, 0)

/** For each output which of x it is the largest: the first, or the last of several; -1 over padding alone. */
export const placesOf = (pool: Pool, x: ArrayLike<number>, last: boolean): Int32Array => {
  const { before, channels, count, image, kernel, output, stride } = pool
  const positions = cells(output).map((position) =>
    cells(kernel)
      .map((tap) => tap.map((t, axis) => position[axis]! * stride[axis]! - before[axis]! + t))
      .filter((pixel) => pixel.every((i, axis) => i >= 0 && i < image[axis]!))
      .map((pixel) => flat(pixel, image))
  )
  const places = new Int32Array(count * positions.length * channels).fill(-1)
  for (let at = 0; at < places.length; at++) {
    const c = at % channels
    const position = Math.floor(at / channels) % positions.length
    const first = Math.floor(at / channels / positions.length) * sizeOf(image)
    for (const pixel of positions[position]!) {
      const place = (first + pixel) * channels + c
      const best = places[at]!
      if (best < 0 || x[place]! > x[best]! || (last && x[place] === x[best])) places[at] = place
    }
  }
  return places
}

/** The largest numbers; -Infinity over padding alone. */
export const maximaOf = (pool: Pool, x: ArrayLike<number>): Float64Array =>
  Float64Array.from(placesOf(pool, x, false), (place) => (place < 0 ? Number.NEGATIVE_INFINITY : x[place]!))

/** The cotangents g of the maxima where these are. */
export const pooledBack = (
  pool: Pool,
  x: ArrayLike<number>,
  g: ArrayLike<number>,
  last: boolean
): Float64Array => {
  const out = new Float64Array(x.length)
  for (const [at, place] of placesOf(pool, x, last).entries()) if (place >= 0) out[place]! += g[at]!
  return out
}
