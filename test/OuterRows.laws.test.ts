/** Gradients that are outer products, written out by the devices that have a kernel for it. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"
import { outerRows } from "../src/tensor/Outer.ts"
import { type Generator, generator } from "./oracle/random.ts"
import { devices, runWith } from "./support/subject.ts"

interface Part {
  readonly input: Float32Array
  readonly cotangent: Float32Array
  /** Numbers of a row of the input, some of which may not be inputs. */
  readonly width: number
  readonly inputs: number
  readonly outputs: number
  readonly bias: boolean
}

interface Case {
  readonly examples: number
  readonly columns: number
  readonly from: number
  readonly to: number
  readonly parts: ReadonlyArray<Part>
}

/** Outputs around the width of a vector, a bias alone, and no bias. */
const drawn = (random: Generator, examples: number): Case => {
  const columns = 2 + random.integer(3)
  const from = random.integer(columns)
  const parts = Array.from({ length: 1 + random.integer(3) }, (): Part => {
    const [width, outputs, kind] = [1 + random.integer(6), 1 + random.integer(13), random.integer(3)]
    return {
      input: Float32Array.from(random.normals(examples * width)),
      cotangent: Float32Array.from(random.normals(columns * examples * outputs)),
      width,
      inputs: kind === 0 ? 0 : width,
      outputs,
      bias: kind < 2
    }
  })
  return { examples, columns, from, to: from + 1 + random.integer(columns - from), parts }
}

/** Row by row and number by number; `one` is what stands behind the inputs. */
const due = ({ examples, from, parts, to }: Case, one = 1): Float32Array => {
  const out: Array<number> = []
  for (let k = from; k < to; k++) {
    for (let n = 0; n < examples; n++) {
      for (const { bias, cotangent, input, inputs, outputs, width } of parts) {
        const abar = [...input.subarray(n * width, n * width + inputs), ...(bias ? [one] : [])]
        const g = cotangent.subarray((k * examples + n) * outputs, (k * examples + n + 1) * outputs)
        for (const a of abar) for (const value of g) out.push(a * value)
      }
    }
  }
  return Float32Array.from(out)
}

for (const [name, device] of Object.entries(devices)) {
  const rowsOf = ({ columns, examples, from, parts, to }: Case) =>
    runWith(device)(
      Effect.scoped(
        Device.use((service) =>
          service
            .compute("rows", (keep) => {
              const rows = outerRows(
                parts.map(({ bias, cotangent, input, inputs, outputs, width }) => ({
                  input: tf.tensor2d(input, [examples, width]),
                  cotangent: tf.tensor3d(cotangent, [columns, examples, outputs]),
                  inputs,
                  bias
                })),
                from,
                to
              )
              return rows === undefined ? [] : [keep(rows)]
            })
            .pipe(Effect.flatMap((tensors) => service.read("rows", tensors)))
        )
      )
    )

  describe(`outerRows on ${name}`, () => {
    it("are abar g^T side by side, bit for bit, or there is no kernel for it; control: abar without its 1", async () => {
      const random = generator(23)
      const left = tf.memory().numTensors
      for (let i = 0; i < 40; i++) {
        const c = drawn(random, i === 0 ? 0 : random.integer(9))
        const [rows] = await rowsOf(c)
        expect(rows === undefined).toBe(name === "cpu")
        if (rows === undefined) continue
        expect(rows).toEqual(due(c))
        const biased = c.examples > 0 && c.parts.some(({ bias }) => bias)
        if (biased) expect(rows).not.toEqual(due(c, 0))
      }
      expect(tf.memory().numTensors).toBe(left)
    })
  })
}
