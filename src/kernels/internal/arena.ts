/**
 * One instance of the compiled kernels and the linear memory that their operands are copied into.
 *
 * Operands lie one after the other from the first page on, scratch behind them; nothing in the memory outlives a call. A memory
 * grows to the largest call and cannot shrink, so past `keptBytes` it is given back whole: the next call gets a new instance.
 */

import type { ElementwiseExports } from "../elementwise.ts"
import type { WindowKernels } from "../windows.ts"

/** What assembly/index.ts exports. Addresses are bytes; a `boolean` arrives as 0 or 1. */
export interface Exports extends WebAssembly.Exports, Operations, ElementwiseExports, WindowKernels {
  readonly workBytes: () => number
  readonly eigenBytes: (n: number, vectors: boolean) => number
  readonly sumRows32: (rows: number, columns: number, x: number, out: number) => void
  readonly transpose32: (rows: number, columns: number, x: number, out: number) => void
}

/** The operations of `Kernels`, on addresses. */
export interface Operations {
  readonly gemm32: Product
  readonly gemm64: Product
  readonly syrk32: Square
  readonly syrk64: Square
  readonly lowerSyrk32: LowerSquare
  readonly lowerSyrk64: LowerSquare
  readonly cholesky32: Factor
  readonly cholesky64: Factor
  readonly choleskySolve32: Solve
  readonly choleskySolve64: Solve
  readonly choleskyInverse32: Inverse
  readonly choleskyInverse64: Inverse
  readonly symmetricEigen: (n: number, a: number, values: number, vectors: boolean, work: number) => number
}

type Product = (
  m: number,
  n: number,
  k: number,
  a: number,
  transposeA: boolean,
  b: number,
  transposeB: boolean,
  c: number,
  work: number
) => void

type Square = (n: number, k: number, a: number, rows: boolean, c: number, work: number) => void

/** What lies above the diagonal is afterwards unspecified. */
type LowerSquare = (n: number, k: number, a: number, c: number, work: number) => void

type Factor = (n: number, a: number, work: number) => number
type Solve = (n: number, l: number, columns: number, b: number, work: number) => void
type Inverse = (n: number, l: number, out: number, work: number) => void

/** A memory that grew beyond this is not kept for the next call. */
export const keptBytes = 2 ** 27

/** Bytes of a page. */
export const page = 2 ** 16
const mostBytes = 2 ** 32 - page

/** Memory for one call at a time. */
export interface Arena {
  /**
   * The instance, its memory grown so that operands of these many bytes and scratch have room, and where they start. `undefined`
   * where the machine has no such memory.
   *
   * *Cost* nothing, unless the memory grows.
   */
  readonly open: (bytes: ReadonlyArray<number>) => Opened | undefined
  /** Gives the memory back if it is large. To be called when the results are copied out. */
  readonly close: () => void
  /** Bytes of scratch that every kernel needs. */
  readonly scratch: number
  /** Bytes of scratch that `symmetricEigen` needs. */
  readonly eigenScratch: (n: number, vectors: boolean) => number
  /** Bytes of the memory that is kept now. */
  readonly size: () => number
}

export interface Opened {
  readonly exports: Operations
  readonly buffer: ArrayBufferLike
  /** Where each operand starts. */
  readonly at: ReadonlyArray<number>
}

/** The kernels on a memory, of ours or of others. Throws where that memory is shared between threads. */
export const instantiate = (module: WebAssembly.Module, memory: WebAssembly.Memory): Exports =>
  new WebAssembly.Instance(module, { env: { memory } }).exports as Exports

/** An instance and its memory, in which operands may lie from the byte `start` on. */
export interface Held {
  readonly memory: WebAssembly.Memory
  readonly exports: Operations
  readonly start: number
}

/** An arena over a compiled module. */
export const makeArena = (module: WebAssembly.Module): Arena => {
  const held = (): Held & { readonly exports: Exports } => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    // Address 0 stays free.
    return { memory, exports: instantiate(module, memory), start: page }
  }
  const first = held()
  const { eigenBytes, workBytes } = first.exports
  return arenaOver(first, held, workBytes(), eigenBytes)
}

/** An arena over a memory that is there, and `renew`, which makes another for one that is too large to keep. */
export const arenaOver = (
  first: Held,
  renew: () => Held,
  scratch: number,
  eigenScratch: Arena["eigenScratch"]
): Arena => {
  let held = first
  return {
    open: (bytes) => {
      const at: Array<number> = []
      let end = held.start
      for (const size of bytes) {
        at.push(end)
        end += Math.ceil(size / 64) * 64
      }
      if (end > mostBytes) return undefined
      const missing = Math.ceil((end - held.memory.buffer.byteLength) / page)
      if (missing > 0 && !grew(held.memory, missing)) return undefined
      // Made anew: views of a shared memory do not grow with it.
      return { exports: held.exports, buffer: held.memory.buffer, at }
    },
    close: () => {
      if (held.memory.buffer.byteLength > keptBytes) held = renew()
    },
    scratch,
    eigenScratch,
    size: () => held.memory.buffer.byteLength
  }
}

const grew = (memory: WebAssembly.Memory, pages: number): boolean => {
  try {
    memory.grow(pages)
    return true
  } catch {
    return false
  }
}
