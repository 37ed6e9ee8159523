/** How the weights of a Keras layer lie in the blocks of ours. */

/** A weight of the layer as part of a block: number j of the part is number `from(j)` of the weight. */
export interface Part {
  /** Its place among the layer's weights. */
  readonly weight: number
  /** The same place, unless said. */
  readonly from?: (index: number) => number
}

/** A block: its parts, one after the other. */
export type BlockParts = ReadonlyArray<Part>

/** Weights in a row, as they are. */
export const inOrder = (...weights: ReadonlyArray<number>): BlockParts =>
  weights.map((weight) => ({ weight }))

const same = (index: number): number => index

/** One array after the other. */
export const joined = (pieces: ReadonlyArray<Float32Array>): Float32Array => {
  const whole = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** The values of a block, from those of the layer's weights. */
export const gathered = (parts: BlockParts, weights: ReadonlyArray<Float32Array>): Float32Array =>
  joined(
    parts.map(({ from, weight }) => {
      const values = weights[weight]!
      return from === undefined ? values : values.map((_, j) => values[from(j)]!)
    })
  )

/** Writes the values of a block to where they lie in the layer's weights. */
export const scatter = (
  parts: BlockParts,
  block: Float32Array,
  weights: ReadonlyArray<Float32Array>
): void => {
  let at = 0
  for (const { from = same, weight } of parts) {
    const values = weights[weight]!
    for (let j = 0; j < values.length; j++) values[from(j)] = block[at + j]!
    at += values.length
  }
}
