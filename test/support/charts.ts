/** Two other sets of coordinates for the parameters of a network, and Fishers there. */

import { Result } from "effect"
import { Accumulator, type Fisher, type ParamSpace, Structure } from "../../src/index.ts"
import { reference } from "../../src/kernels/reference.ts"
import type { Case } from "../oracle/cases.ts"
import { axpy, dot, identity, type Matrix, matmul, type Rows, type Vector } from "../oracle/linear.ts"
import { blocks } from "../oracle/network.ts"
import type { Common } from "./structures.ts"

/** x' = x M + c with M upper unitriangular: everything in it and in its inverse is dyadic. */
const triangle = (n: number): Rows =>
  identity(n).map((row, i) => row.map((v, j) => (j === i + 1 ? (i % 2 ? -0.5 : 0.5) : v)))

/** Solves M w = b from the last row up. */
const backSubstitute = (m: Matrix, b: Vector): Float64Array => {
  const w = Float64Array.from(b)
  for (let i = w.length - 1; i >= 0; i--) {
    for (let j = i + 1; j < w.length; j++) w[i] = w[i]! - m[i]![j]! * w[j]!
  }
  return w
}

/**
 * The same conditional with its inputs given as x' = x M + c: the first layer's kernel is W' = M^-1 W and its bias
 * b' = b - c W'. `jacobian` is d theta / d theta', constant.
 */
export const affineInputs = (own: Case): { readonly moved: Case; readonly jacobian: Matrix } => {
  const { net, theta, X } = own
  const { inputs, units } = blocks(net)[0]!
  const m = triangle(inputs)
  const shift = Float64Array.from({ length: inputs }, (_, i) => (i + 1) / 4)
  const moved = Float64Array.from(theta)
  for (let o = 0; o < units; o++) {
    const column = Float64Array.from({ length: inputs }, (_, i) => theta[i * units + o]!)
    const inverse = backSubstitute(m, column)
    inverse.forEach((w, i) => {
      moved[i * units + o] = w
    })
    moved[inputs * units + o] = theta[inputs * units + o]! - dot(shift, inverse)
  }
  // theta = J theta': W = M W', b = b' + c W'; the other layers are the same.
  const jacobian = identity(theta.length)
  for (let o = 0; o < units; o++) {
    for (let i = 0; i < inputs; i++) {
      for (let j = 0; j < inputs; j++) jacobian[i * units + o]![j * units + o] = m[i]![j]!
      jacobian[inputs * units + o]![i * units + o] = shift[i]!
    }
  }
  return { moved: { ...own, theta: moved, X: X.map((x) => axpy(matmul([x], m)[0]!, 1, shift)) }, jacobian }
}

/** The dense Fisher that stores this matrix, rounded to float32. */
export const fisherOf = <S extends string>(
  space: ParamSpace.ParamSpace<S>,
  matrix: Matrix
): Fisher.Fisher<S, Common> =>
  Result.getOrThrow(
    Accumulator.finish(
      {
        structure: Structure.dense,
        space,
        weight: 1,
        sums: [Float64Array.from(matrix.flatMap((row, i) => Array.from(row).slice(0, i + 1)))],
        rests: [],
        origin: undefined
      },
      reference
    )
  )
