/**
 * A short name for some numbers: equal numbers have equal names, and different ones almost surely different names.
 *
 * *Source*: Fowler, Noll and Vo (FNV-1a, here over the 32-bit patterns, in two lanes of 32 bits), with Appleby's finaliser of
 * MurmurHash3 on every pattern.
 */
export const digest = (values: Float32Array): string => {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let [low, high] = [0x811c9dc5, 0x9e3779b9]
  for (const word of bits) {
    low = Math.imul(low ^ scrambled(word), 0x01000193)
    high = Math.imul(high ^ scrambled(word ^ low), 0x01000193)
  }
  const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0")
  return hex(low) + hex(high)
}

/** Every bit of a word spread over all of it: those of simple floats are the upper ones, which a product does not carry down. */
const scrambled = (word: number): number => {
  const once = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}
