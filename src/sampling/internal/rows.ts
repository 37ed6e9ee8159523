import type { Batch, Labels } from "../../model/Batch.ts"
import type { Examples } from "./memory.ts"

const gather = (
  source: Float32Array | Uint8Array,
  rows: Float64Array,
  width: number,
  scale: number
): Float32Array => {
  const out = new Float32Array(rows.length * width)
  for (let n = 0; n < rows.length; n++) {
    const from = rows[n]! * width
    const to = n * width
    if (scale === 1) out.set(source.subarray(from, from + width), to)
    else for (let i = 0; i < width; i++) out[to + i] = source[from + i]! * scale
  }
  return out
}

/** The batch of these rows; row r is example `first + r` of the data. */
export const selectRows = (data: Examples, rows: Float64Array, first: number): Batch => ({
  x: gather(data.x, rows, data.features, data.scale),
  examples: rows.length,
  features: data.features,
  indices: rows.map((row) => first + row),
  ...(data.labels === undefined
    ? {}
    : { labels: { ...data.labels, values: gather(data.labels.values, rows, data.labels.labelSize, 1) } })
})

/** Batches below each other as one. */
export const concatenate = (batches: ReadonlyArray<Batch>): Batch => {
  const [first] = batches
  if (batches.length === 1) return first!
  const flat = (part: (batch: Batch) => Float32Array): Float32Array => {
    const parts = batches.map(part)
    const out = new Float32Array(parts.reduce((sum, values) => sum + values.length, 0))
    let at = 0
    for (const values of parts) {
      out.set(values, at)
      at += values.length
    }
    return out
  }
  const labels: Labels | undefined = first!.labels && {
    labelSize: first!.labels.labelSize,
    values: flat((batch) => batch.labels!.values)
  }
  return {
    x: flat((batch) => batch.x),
    examples: batches.reduce((sum, batch) => sum + batch.examples, 0),
    features: first!.features,
    indices: Float64Array.from(batches.flatMap((batch) => Array.from(batch.indices))),
    ...(labels === undefined ? {} : { labels })
  }
}

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
