import type { Batch, Labels } from "../../model/Batch.ts"
import type { Examples } from "./memory.ts"

const gather = (
  source: Float32Array | Uint8Array,
  rows: Float64Array,
  width: number,
  scale: number,
  place = (numbers: number): Float32Array => new Float32Array(numbers)
): Float32Array => {
  if (source instanceof Float32Array && scale === 1 && oneAfterAnother(rows)) {
    const from = (rows[0] ?? 0) * width
    return source.subarray(from, from + rows.length * width)
  }
  const out = place(rows.length * width)
  for (let n = 0; n < rows.length; n++) {
    const from = rows[n]! * width
    const to = n * width
    if (scale === 1) out.set(source.subarray(from, from + width), to)
    else for (let i = 0; i < width; i++) out[to + i] = source[from + i]! * scale
  }
  return out
}

const oneAfterAnother = (rows: Float64Array): boolean => {
  for (let n = 1; n < rows.length; n++) if (rows[n] !== rows[0]! + n) return false
  return true
}

/**
 * The batch of these rows; row r is example `first + r` of the data. Rows that follow one another are no copy, where nothing scales them; a copy
 * of x is in the array that `place` gives.
 */
export const selectRows = (
  data: Examples,
  rows: Float64Array,
  first: number,
  place?: (numbers: number) => Float32Array
): Batch => ({
  x: gather(data.x, rows, data.features, data.scale, place),
  examples: rows.length,
  features: data.features,
  indices: rows.map((row) => first + row),
  ...(data.labels === undefined
    ? {}
    : { labels: { ...data.labels, values: gather(data.labels.values, rows, data.labels.labelSize, 1) } })
})

/** The one array that the parts are neighbours in, if they are. */
const joined = (parts: ReadonlyArray<Float32Array>): Float32Array | undefined => {
  const { buffer, byteOffset } = parts[0]!
  let length = 0
  for (const part of parts) {
    if (part.buffer !== buffer || part.byteOffset !== byteOffset + 4 * length) return undefined
    length += part.length
  }
  return new Float32Array(buffer, byteOffset, length)
}

/** Numbers one part after the other: no copy of those that lie so already, else in the array that `place` gives for so many. */
export const below = (
  parts: ReadonlyArray<Float32Array>,
  place: (numbers: number) => Float32Array = (numbers) => new Float32Array(numbers)
): Float32Array => {
  const whole = joined(parts)
  if (whole !== undefined) return whole
  const out = place(parts.reduce((sum, values) => sum + values.length, 0))
  let at = 0
  for (const values of parts) {
    out.set(values, at)
    at += values.length
  }
  return out
}

const belowIndices = (batches: ReadonlyArray<Batch>, examples: number): Float64Array => {
  const out = new Float64Array(examples)
  let at = 0
  for (const { indices } of batches) {
    out.set(indices, at)
    at += indices.length
  }
  return out
}

/** Batches below each other as one, whose x is this. */
export const stacked = (batches: ReadonlyArray<Batch>, x: Float32Array): Batch => {
  const { features, labels: own } = batches[0]!
  const examples = batches.reduce((sum, batch) => sum + batch.examples, 0)
  const labels: Labels | undefined = own && {
    labelSize: own.labelSize,
    values: below(batches.map((batch) => batch.labels!.values))
  }
  return {
    x,
    examples,
    features,
    indices: belowIndices(batches, examples),
    ...(labels === undefined ? {} : { labels })
  }
}

/** Batches below each other as one, whose x is made from theirs. */
export const concatenate = (
  batches: ReadonlyArray<Batch>,
  xOf: (parts: ReadonlyArray<Float32Array>) => Float32Array
): Batch => (batches.length === 1 ? batches[0]! : stacked(batches, xOf(batches.map((batch) => batch.x))))

/** Examples `from` to `to` (exclusive) of a batch, without a copy. */
export const slice = (batch: Batch, from: number, to: number): Batch => ({
  x: batch.x.subarray(from * batch.features, to * batch.features),
  examples: to - from,
  features: batch.features,
  indices: batch.indices.subarray(from, to),
  ...(batch.labels === undefined
    ? {}
    : {
        labels: {
          labelSize: batch.labels.labelSize,
          values: batch.labels.values.subarray(from * batch.labels.labelSize, to * batch.labels.labelSize)
        }
      })
})
