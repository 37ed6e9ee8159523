/**
 * What an operation of the graph oracle is: the shape it makes, the blocks of parameters it reads and how it computes.
 *
 * A block is a matrix [rows, columns], the bias its last row if it has one. Its form says how it acts. "outer": at every position
 * t the operation makes s[t] = abar[t] K with the block K and a row abar[t] that is free of it (a 1 last where there is a bias), so
 * that d<w, z>/dK = sum_t abar[t] g[t]^T with g[t] = d<w, z>/ds[t]. "elementwise": each entry multiplies or is added to a channel.
 * "written": some use reads the kernel transposed.
 */
import type { Rows } from "../linear.ts"
import type { Shape, Value } from "./values.ts"

export type Form = "outer" | "elementwise" | "written"

/** One use of a block by an operation. */
export interface Slot {
  /** Tells the blocks of one operation apart; "" where it has one only. */
  readonly part: string
  readonly rows: number
  readonly columns: number
  readonly bias: boolean
  readonly form: Form
  /** At how many positions this use applies the block. */
  readonly positions: number
}

/** What an operation gets beside its inputs. */
export interface Context {
  /** The block of the operation's slot, rows x columns. */
  readonly parameters: (slot: number) => Rows
  /**
   * To be called for each slot of the outer form with abar and s at its positions, and which positions count. It gives back the s to
   * go on with, which differs from the given one where a derivative in s is being taken.
   */
  readonly outer: (slot: number, abar: Rows, s: Rows, mask: Value["mask"]) => Rows
}

export interface Operation {
  readonly shape: Shape
  readonly slots: ReadonlyArray<Slot>
  /** False: it gets its inputs with masked positions 0 and the masks forgotten. */
  readonly seesMasks: boolean
  readonly apply: (inputs: ReadonlyArray<Value>, context: Context) => Value
}

/** An operation with parameters may name its block: the same name means the same parameters. */
export interface Shared {
  readonly block?: string
}

/** s[t] = x[t] K + b for the block [K; b], or x[t] K without a bias. */
export const affine = (x: Rows, block: Rows, bias: boolean): Rows => {
  const inputs = block.length - (bias ? 1 : 0)
  return x.map((row) => {
    const s = new Float64Array(block[0]!.length)
    for (let o = 0; o < s.length; o++) {
      for (let i = 0; i < inputs; i++) s[o]! += row[i]! * block[i]![o]!
      if (bias) s[o]! += block[inputs]![o]!
    }
    return s
  })
}

/** The rows with a 1 last where there is a bias. */
export const withOnes = (x: Rows, bias: boolean): Rows =>
  x.map((row) => Float64Array.from(bias ? [...row, 1] : row))

/** e_k in R^n. */
export const oneHot = (n: number, k: number): Float64Array => {
  const row = new Float64Array(n)
  row[k] = 1
  return row
}
