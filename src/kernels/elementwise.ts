/**
 * The kernels of assembly/ that go number by number or along rows, on addresses in somebody else's memory. Numbers are float32 and lie
 * without gaps; out may be an operand, except where it has another size.
 */

/** out = f(x) for n numbers. */
export type Unary = (n: number, x: number, out: number) => void

/** out = f(a, b); an operand has a step of 4 bytes from number to number, or of 0: then it is one number for all. */
export type Binary = (n: number, a: number, stepA: number, b: number, stepB: number, out: number) => void

/** What a comparison asks, as assembly/choice.ts numbers it. */
export const comparisons = { less: 0, lessEqual: 1, equal: 2, notEqual: 3 } as const

/** What assembly/index.ts exports of these. */
export interface ElementwiseExports {
  /** To be called once, before the others. */
  readonly fillConstants: () => void
  readonly exp32: Unary
  readonly expm132: Unary
  readonly log32: Unary
  readonly log1p32: Unary
  readonly softplus32: Unary
  readonly erf32: Unary
  readonly tanh32: Unary
  readonly maximum32: Binary
  readonly minimum32: Binary
  readonly compare32: ElementwiseKernels["compare"]
  readonly select32: ElementwiseKernels["select"]
  readonly sumColumns32: ElementwiseKernels["sumColumns"]
  readonly maxColumns32: ElementwiseKernels["maxColumns"]
}

/** NaN stays NaN everywhere, and infinities and zeros of either sign give what the function tends to. */
export interface ElementwiseKernels {
  /** e^x, to 1.1 units of the last place; numbers without all digits too. */
  readonly exp: Unary
  /** e^x - 1, to 1.8 units of its own last place. */
  readonly expm1: Unary
  /** The natural logarithm, to 1 unit of the last place; NaN below 0. */
  readonly log: Unary
  /** log(1 + x), to 1 unit of its own last place; NaN below -1. */
  readonly log1p: Unary
  /** log(1 + e^x), to 1.9 units of its own last place. */
  readonly softplus: Unary
  /** The error function, to 1.4 units of the last place. */
  readonly erf: Unary
  /** To 2.8 units of the last place. */
  readonly tanh: Unary
  /** The larger; NaN where one is. */
  readonly maximum: Binary
  /** The smaller; NaN where one is. */
  readonly minimum: Binary
  /** out = 1 where the comparison of a and b holds, else 0, a byte each. */
  readonly compare: (
    kind: number,
    n: number,
    a: number,
    stepA: number,
    b: number,
    stepB: number,
    out: number
  ) => void
  /** out = a where a byte of the condition is not 0, else b, bit for bit. */
  readonly select: (
    n: number,
    condition: number,
    a: number,
    stepA: number,
    b: number,
    stepB: number,
    out: number
  ) => void
  /** The sum of each row: the order of its terms depends on their number alone. */
  readonly sumColumns: (rows: number, columns: number, x: number, out: number) => void
  /** The largest of each row, of one number or more; NaN where one is. */
  readonly maxColumns: (rows: number, columns: number, x: number, out: number) => void
}

/** The kernels of an instance. */
export const elementwise = (exports: ElementwiseExports): ElementwiseKernels => {
  exports.fillConstants()
  return {
    exp: exports.exp32,
    expm1: exports.expm132,
    log: exports.log32,
    log1p: exports.log1p32,
    softplus: exports.softplus32,
    erf: exports.erf32,
    tanh: exports.tanh32,
    maximum: exports.maximum32,
    minimum: exports.minimum32,
    compare: exports.compare32,
    select: exports.select32,
    sumColumns: exports.sumColumns32,
    maxColumns: exports.maxColumns32
  }
}
