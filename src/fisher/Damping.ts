/**
 * How much is added to a Fisher before it is inverted. There is no default: it is the caller's choice, always.
 *
 * Damping is part of the solve, so it lives beside the Fisher; the natural-gradient step only passes it on.
 */
import { Schema } from "effect"
import { NonNegative } from "../Options.ts"

/** `Absolute`: F + value I. `Factored`: K-FAC's A + pi sqrt(value) I and G + sqrt(value) / pi I, layer by layer. */
export const Damping = Schema.TaggedUnion({
  Absolute: { value: NonNegative },
  Factored: { value: NonNegative }
})
export type Damping = typeof Damping.Type
export type Absolute = Extract<Damping, { readonly _tag: "Absolute" }>
export type Factored = Extract<Damping, { readonly _tag: "Factored" }>

/** F + value I. 0 is legal, and fails at the solve where F is singular. */
export const absolute = (value: number): Absolute => ({ _tag: "Absolute", value })

/**
 * K-FAC's own: each Kronecker factor gets a share, pi = sqrt((tr A / dim A) / (tr G / dim G)) to one and its inverse to the other.
 *
 * It is cheaper than `absolute` (two Cholesky factorisations a layer instead of two eigendecompositions) and another matrix:
 * (A + pi sqrt(value) I) (x) (G + sqrt(value) / pi I). *Source*: Martens and Grosse 2015, section 6.3.
 */
export const factored = (value: number): Factored => ({ _tag: "Factored", value })
