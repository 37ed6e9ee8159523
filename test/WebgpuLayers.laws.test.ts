/**
 * A GPU computes for layers what the oracle does: K = 3 columns of N = 5 examples.
 *
 * SwiftShader compiles each program for 10 to 50 ms, so all rows of the layers' registry take some 80 s here. These take every kernel: those
 * left out are made of the same ones.
 */
import { describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"
import { planSize } from "./oracle/graph/graph.ts"
import { axpy } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { graphCase, graphMaps, mostPositions, outputsAt, pulled, pushed, terms } from "./support/graphLaws.ts"
import { layerNets } from "./support/layerNets.ts"
import { dyadic, eps32, vectorError, worst } from "./support/measure.ts"
import { runWith } from "./support/subject.ts"
import { hasWebgpu } from "./support/webgpu.ts"

const rows = [
  "gelu",
  "softplus",
  "elu",
  "dense on a sequence",
  "conv2d with strides, padding and dilation",
  "conv1d, causal with a dilation, and same with a stride",
  "depthwiseConv2d with strides, padding and dilation",
  "conv2dTranspose with strides, and padding",
  "maxPool2d in windows that overlap, with padding",
  "averagePool2d in windows that overlap, with padding",
  "globalMaxPool of a masked sequence",
  "a graph whose values have several consumers",
  "a table of tokens and its transpose",
  "self-attention, causal, with a key size",
  "numbers concatenated",
  "layerNorm on numbers",
  "groupNorm on numbers, one group and several",
  "batchNorm on a sequence",
  "embedding with padding, flattened",
  "softmax on numbers, and dropout"
]

const examples = 5
const columns = 3

describe.skipIf(!hasWebgpu)("layers on webgpu: z, J v, the gradients of each column and their sum", () => {
  for (const title of rows) {
    it(`${title}: the oracle's, ratio <= 10; control: off by 1e-3`, async () => {
      const c = graphCase(layerNets[title]!, examples)
      const C = c.network.outputs
      const random = generator(3)
      const v = dyadic(random.normals(planSize(c.plan)), 8)
      const w = Float32Array.from(dyadic(random.normals(columns * examples * C), 8))
      const made = await runWith(Device.webgpu)(graphMaps(c, [v], w, columns))
      const due = Array.from({ length: columns * examples }, (_, i) =>
        pulled(c, i % examples, w.subarray(i * C, (i + 1) * C))
      )
      const unit = terms(c.plan) * eps32
      const long = mostPositions(c.plan) * unit
      const errors = (factor: number): ReadonlyArray<number> => {
        const by = (values: ArrayLike<number>) => Float64Array.from(values, (value) => factor * value)
        return [
          vectorError(by(made.z), outputsAt(c, c.theta), unit),
          vectorError(by(made.predicted), outputsAt(c, c.theta), unit),
          vectorError(by(made.jvs[0]!), pushed(c, v), unit),
          worst(
            due.map((g, i) => vectorError(by(made.gradient(Math.floor(i / examples), i % examples)), g, long))
          ),
          vectorError(
            by(made.sum),
            due.reduce((sum, g) => axpy(sum, 1, g)),
            Math.sqrt(columns * examples) * long
          )
        ]
      }
      for (const error of errors(1)) expect(error).toBeLessThanOrEqual(10)
      for (const error of errors(1 + 1e-3)) expect(error).toBeGreaterThan(10)
    })
  }
})
