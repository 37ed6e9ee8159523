/** Bad input of the matrix-free Fisher, of conjugate gradients on it, and of `Fisher.accumulate`. */
import {
  Conditional,
  Cotangent,
  DataSource,
  Fisher,
  MatrixFree,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import { cases, fails, throws } from "./support/refusals.ts"
import { arrays, given, network, ofWidth, params, small, space, wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

await checkEveryKernel()

const numbers = Array.from({ length: space.size }, (_, i) => Math.sin(i + 1))
const v = Tangent.make(space, numbers)
const g = Cotangent.make(space, numbers)
const free = MatrixFree.make(small, params)
const stranger = ofWidth(5)
const otherSpace = stranger.network.space
const other = Array.from({ length: otherSpace.size }, () => 1)

throws([
  ...cases(
    "MatrixFree.make, blockSize",
    (blockSize) => MatrixFree.make(small, params, { blockSize: wrong(blockSize) }),
    [
      ["0", () => 0, "InvalidArgument", "blockSize is 0"],
      ["1.5", () => 1.5, "InvalidArgument", "blockSize is 1.5"],
      ["NaN", () => Number.NaN, "InvalidArgument", "blockSize is NaN"],
      ["text", () => "3", "InvalidArgument", 'blockSize is "3"']
    ]
  ),
  ...cases("MatrixFree.make, round", (round) => MatrixFree.make(small, params, { round: wrong(round) }), [
    ["-1", () => -1, "InvalidArgument", "round is -1"],
    ["2^53", () => 2 ** 53, "InvalidArgument", "round is 9007199254740992"]
  ]),
  ...cases("MatrixFree.make, params", (at) => MatrixFree.make(small, wrong(at)), [
    ["a tangent", () => v, "ShapeMismatch", "a Params is due"],
    ["nothing", () => undefined, "ShapeMismatch", "a Params is due"]
  ]),
  [
    "MatrixFree.make, parameters of another network",
    () => MatrixFree.make(small, wrong(Conditional.init(stranger, { seed: 0 }))),
    "ShapeMismatch",
    otherSpace.signature
  ]
])

fails([
  ...cases("MatrixFree.apply", (vector) => given()(MatrixFree.apply(free, wrong(vector))), [
    [
      "a tangent of another network",
      () => Tangent.make(otherSpace, other),
      "ShapeMismatch",
      network.space.signature
    ],
    ["a cotangent", () => g, "ShapeMismatch", "a Tangent is due"],
    ["parameters", () => params, "ShapeMismatch", "a Tangent is due"],
    ["null", () => null, "ShapeMismatch", "a Tangent is due"],
    ["bare numbers", () => numbers, "ShapeMismatch", "a Tangent is due"]
  ]),
  ...cases("MatrixFree.quadraticForm", (vector) => given()(MatrixFree.quadraticForm(free, wrong(vector))), [
    [
      "a tangent of another network",
      () => Tangent.make(otherSpace, other),
      "ShapeMismatch",
      network.space.signature
    ],
    ["a cotangent", () => g, "ShapeMismatch", "a Tangent is due"]
  ]),
  ...cases(
    "MatrixFree.solve, the gradient",
    (vector) => given()(MatrixFree.solve(free, wrong(vector), { damping: 1 })),
    [
      [
        "a gradient of another network",
        () => Cotangent.make(otherSpace, other),
        "ShapeMismatch",
        network.space.signature
      ],
      ["a tangent", () => v, "ShapeMismatch", "a Cotangent is due"]
    ]
  ),
  ...cases(
    "MatrixFree.solve, damping",
    (damping) => given()(MatrixFree.solve(free, g, { damping: wrong(damping) })),
    [
      ["-1", () => -1, "InvalidArgument", "damping is -1"],
      ["NaN", () => Number.NaN, "InvalidArgument", "damping is NaN"],
      ["Infinity", () => Number.POSITIVE_INFINITY, "InvalidArgument", "damping is Infinity"],
      ["none", () => undefined, "InvalidArgument", "damping is undefined"]
    ]
  ),
  ...cases(
    "MatrixFree.solve, tolerance",
    (tolerance) => given()(MatrixFree.solve(free, g, { damping: 1, tolerance: wrong(tolerance) })),
    [
      ["0", () => 0, "InvalidArgument", "tolerance is 0"],
      ["NaN", () => Number.NaN, "InvalidArgument", "tolerance is NaN"],
      ["under what float32 has", () => 1e-12, "NotConverged", "stagnated"]
    ]
  ),
  ...cases(
    "MatrixFree.solve, maxIterations",
    (maxIterations) =>
      given()(MatrixFree.solve(free, g, { damping: 1e-3, maxIterations: wrong(maxIterations) })),
    [
      ["0", () => 0, "InvalidArgument", "maxIterations is 0"],
      ["1, too few", () => 1, "NotConverged", "in 1 iterations"]
    ]
  ),
  [
    "MatrixFree.apply: no example",
    () => given({ source: DataSource.fromIterable([]) })(MatrixFree.apply(free, v)),
    "EmptyData"
  ],
  [
    "MatrixFree.apply: data of another width",
    () => given({ source: DataSource.fromArrays({ x: [[1, 2]] }) })(MatrixFree.apply(free, v)),
    "ShapeMismatch"
  ],
  [
    "MatrixFree.apply: labels where there are none",
    () =>
      given({ source: DataSource.fromArrays({ x: [[1, 2, 3]] }), sampler: Sampler.empirical })(
        MatrixFree.apply(free, v)
      ),
    "MissingLabels"
  ],
  ...cases(
    "Fisher.accumulate",
    (range) =>
      given()(Fisher.accumulate(small, params, Structure.kfac, { blockSize: 2, ...(range as object) })),
    [
      ["from within a block", () => ({ from: 1 }), "InvalidArgument", "from is 1"],
      ["to within a block", () => ({ to: 3 }), "InvalidArgument", "to is 3"],
      ["to before from", () => ({ from: 4, to: 2 }), "InvalidArgument", "to is 2"],
      ["a negative from", () => ({ from: -2 }), "InvalidArgument", "from is -2"],
      ["a to that is no number", () => ({ to: Number.NaN }), "InvalidArgument", "to is NaN"]
    ]
  ),
  [
    "Fisher.accumulate: from after the end of the data",
    () => given()(Fisher.accumulate(small, params, Structure.kfac, { blockSize: 2, from: 8 })),
    "SnapshotMismatch",
    "4 examples in all"
  ],
  [
    "Fisher.accumulate: a structure of two passes",
    () => given({ source: arrays })(Fisher.accumulate(small, params, wrong(Structure.ekfac))),
    "InvalidArgument",
    "two passes"
  ],
  [
    "Fisher.accumulate: parameters of another network",
    () => given()(Fisher.accumulate(small, wrong(Conditional.init(stranger, { seed: 0 })), Structure.kfac)),
    "ShapeMismatch"
  ]
])
