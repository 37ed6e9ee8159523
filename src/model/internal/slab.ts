/**
 * Short rows of numbers, many of them on one array: an engine allocates and frees a typed array of over 64 bytes by itself, which costs more
 * than what a likelihood computes of a row.
 */

/** How many numbers an array has that rows are cut from: what a row that is kept keeps alive. */
const slabSize = 1024

/** Up to this many numbers lie where the engine's small objects do, and cost no more than they. */
const inline = 8

let slab = new Float64Array(slabSize)
let taken = 0

/** `length` zeros that nobody else has, as `new Float64Array(length)`. */
export const zeros = (length: number): Float64Array => {
  if (length <= inline || length > slabSize / 8) return new Float64Array(length)
  if (taken + length > slabSize) {
    slab = new Float64Array(slabSize)
    taken = 0
  }
  const row = new Float64Array(slab.buffer, 8 * taken, length)
  taken += length
  return row
}
