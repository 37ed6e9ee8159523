/**
 * The kernels in WebAssembly: assembly/ compiled, with 128-bit vectors and, where the engine has them, fused multiply-adds.
 *
 * Operands are copied into a memory of our own and results out of it, which takes n^2 moves against the n^3 operations of a call.
 * A call on float32 arrays alone is computed in float32, every other in float64. Where there is no memory for a call, the
 * reference serves.
 */

import { type ElementwiseKernels, elementwise } from "./elementwise.ts"
import { type Arena, instantiate, makeArena, type Opened } from "./internal/arena.ts"
import { fusedModule, plainModule } from "./internal/modules.ts"
import type { Gemm, Kernels, Real, Syrk } from "./Kernels.ts"
import { packLower } from "./packed.ts"
import { inFloat64 } from "./reference/eigen.ts"
import { requireLength, requireOnePrecision, requireSizes, requireSyrk } from "./reference/require.ts"
import { reference } from "./reference.ts"
import type { WindowKernels } from "./windows.ts"

/** Whether the engine has fused multiply-adds (relaxed SIMD): Node from 24 on, Chrome from 114 on. */
export const fusedWorks = (): boolean => WebAssembly.validate(bytes(fusedModule))

/** Compiles the kernels. Rejects where the engine has no WebAssembly with vectors of 128 bits. */
export const compileKernels = (fused: boolean): Promise<WebAssembly.Module> =>
  WebAssembly.compile(bytes(fused ? fusedModule : plainModule))

/** The same, and their parts, for a memory that threads share (pool.ts). */
export const compileShared = async (fused: boolean): Promise<WebAssembly.Module> => {
  const { fusedModule, plainModule } = await import("./internal/sharedModules.ts")
  return WebAssembly.compile(bytes(fused ? fusedModule : plainModule))
}

/** The compiled kernels on typed arrays, with a memory of their own. */
export const wasmKernels = (module: WebAssembly.Module): Kernels => kernelsOn(makeArena(module))

/** Kernels on somebody else's memory, in place. Addresses are bytes. */
export interface HeapKernels extends ElementwiseKernels {
  /** C (m x n) = op(A) op(B) in float32, row-major. C overlaps neither. */
  readonly gemm: (
    m: number,
    n: number,
    k: number,
    a: number,
    transposeA: boolean,
    b: number,
    transposeB: boolean,
    c: number
  ) => void
  /** C (n x n) = A^T A for a k x n matrix A, or with `rows` A A^T for an n x k one; in float32, its own transpose bit for bit. */
  readonly syrk: (n: number, k: number, a: number, rows: boolean, c: number) => void
  /** The lower triangle of the n x n matrix A^T A, of a k x n matrix A, in float32; what lies above it is unspecified. */
  readonly lowerSyrk: (n: number, k: number, a: number, c: number) => void
  /** The sum of the rows of a float32 matrix, each column in the order of the rows. */
  readonly sumRows: (rows: number, columns: number, x: number, out: number) => void
  /** out (columns x rows) = x^T, of numbers of 32 bits, bit for bit. */
  readonly transpose: (rows: number, columns: number, x: number, out: number) => void
  /** Convolutions and pooling. */
  readonly windows: WindowKernels
}

/**
 * The compiled kernels on a memory, of which `allocate` gives some for good: 1.3 MB of scratch. Throws where the memory is shared
 * between threads, and where `allocate` gives 0.
 */
export const heapKernels = (
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  allocate: (bytes: number) => number
): HeapKernels => {
  const exports = instantiate(module, memory)
  const work = allocate(exports.workBytes())
  if (work === 0) throw new Error("out of memory: no room on the heap for the scratch of the kernels")
  return {
    ...elementwise(exports),
    gemm: (m, n, k, a, transposeA, b, transposeB, c) =>
      exports.gemm32(m, n, k, a, transposeA, b, transposeB, c, work),
    syrk: (n, k, a, rows, c) => exports.syrk32(n, k, a, rows, c, work),
    lowerSyrk: (n, k, a, c) => exports.lowerSyrk32(n, k, a, c, work),
    sumRows: exports.sumRows32,
    transpose: exports.transpose32,
    windows: exports
  }
}

const bytes = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))

/** The kernels on an arena; where it has no memory for a call, `otherwise` serves. */
export const kernelsOn = (arena: Arena, otherwise: Kernels = reference): Kernels => ({
  name: "wasm",
  gemm: (p) => gemm(arena, p, otherwise),
  syrk: (p) => syrk(arena, p, otherwise),
  cholesky: (p) => {
    const { n, a } = p
    requireSizes("cholesky", { n })
    requireLength("cholesky", "a", a, n * n)
    return call(
      arena,
      [a.BYTES_PER_ELEMENT * n * n],
      ({ exports, buffer, at: [to, work] }) => {
        const Type = common(a)
        const copy = copied(Type, buffer, to!, a, n * n)
        const failed = (Type === Float32Array ? exports.cholesky32 : exports.cholesky64)(n, to!, work!)
        a.set(copy)
        return failed
      },
      () => otherwise.cholesky(p)
    )
  },
  choleskySolve: (p) => {
    const { n, l, columns, b } = p
    requireSizes("choleskySolve", { n, columns })
    requireLength("choleskySolve", "l", l, n * n)
    requireLength("choleskySolve", "b", b, n * columns)
    requireOnePrecision("choleskySolve", { l, b })
    if (columns < fewColumns) return reference.choleskySolve(p)
    const Type = common(l, b)
    const size = Type.BYTES_PER_ELEMENT
    call(
      arena,
      [size * n * n, size * n * columns],
      ({ exports, buffer, at: [left, right, work] }) => {
        copied(Type, buffer, left!, l, n * n)
        const x = copied(Type, buffer, right!, b, n * columns)
        const solve = Type === Float32Array ? exports.choleskySolve32 : exports.choleskySolve64
        solve(n, left!, columns, right!, work!)
        b.set(x)
      },
      () => otherwise.choleskySolve(p)
    )
  },
  choleskyInverse: (p) => {
    const { n, l, out } = p
    requireSizes("choleskyInverse", { n })
    requireLength("choleskyInverse", "l", l, n * n)
    requireLength("choleskyInverse", "out", out, n * n)
    requireOnePrecision("choleskyInverse", { l, out })
    const Type = common(l, out)
    const size = Type.BYTES_PER_ELEMENT
    call(
      arena,
      [size * n * n, size * n * n],
      ({ exports, buffer, at: [left, to, work] }) => {
        copied(Type, buffer, left!, l, n * n)
        const invert = Type === Float32Array ? exports.choleskyInverse32 : exports.choleskyInverse64
        invert(n, left!, to!, work!)
        out.set(viewOf(Type, buffer, to!, n * n))
      },
      () => otherwise.choleskyInverse(p)
    )
  },
  symmetricEigen: (p) =>
    inFloat64(p, (double) => {
      const { n, a, values, vectors } = double
      return call(
        arena,
        [8 * n * n, 8 * n],
        ({ exports, buffer, at: [from, to, work] }) => {
          const copy = copied(Float64Array, buffer, from!, a, n * n)
          if (!exports.symmetricEigen(n, from!, to!, vectors, work!)) return false
          values.set(new Float64Array(buffer, to!, n))
          if (vectors) a.set(copy)
          return true
        },
        () => otherwise.symmetricEigen(double),
        arena.eigenScratch(n, vectors)
      )
    })
})

/** Below this many right-hand sides the copy of the factor costs more than the solve. */
const fewColumns = 4

const gemm = (arena: Arena, p: Gemm, otherwise: Kernels): void => {
  const { m, n, k, a, b, out } = p
  requireSizes("gemm", { m, n, k })
  requireLength("gemm", "a", a, m * k)
  requireLength("gemm", "b", b, k * n)
  requireLength("gemm", "out", out, m * n)
  const Type = common(a, b, out)
  const size = Type.BYTES_PER_ELEMENT
  call(
    arena,
    [size * m * k, size * k * n, size * m * n],
    ({ exports, buffer, at: [left, right, to, work] }) => {
      copied(Type, buffer, left!, a, m * k)
      copied(Type, buffer, right!, b, k * n)
      const multiply = Type === Float32Array ? exports.gemm32 : exports.gemm64
      multiply(m, n, k, left!, p.transposeA === true, right!, p.transposeB === true, to!, work!)
      out.set(viewOf(Type, buffer, to!, m * n))
    },
    () => otherwise.gemm(p)
  )
}

const syrk = (arena: Arena, p: Syrk, otherwise: Kernels): void => {
  const { rows, n, a, out } = p
  const length = requireSyrk(p)
  const Type = common(a, out)
  const size = Type.BYTES_PER_ELEMENT
  call(
    arena,
    [size * rows * n, size * n * n],
    ({ exports, buffer, at: [from, to, work] }) => {
      copied(Type, buffer, from!, a, rows * n)
      const whole = viewOf(Type, buffer, to!, n * n)
      if (p.storage === "packed") {
        const square = Type === Float32Array ? exports.lowerSyrk32 : exports.lowerSyrk64
        square(n, rows, from!, to!, work!)
        packLower(n, whole, 0, 0)
        out.set(whole.subarray(0, length))
      } else {
        const square = Type === Float32Array ? exports.syrk32 : exports.syrk64
        square(n, rows, from!, false, to!, work!)
        out.set(whole)
      }
    },
    () => otherwise.syrk(p)
  )
}

type RealConstructor = Float32ArrayConstructor | Float64ArrayConstructor

/** float32 where all operands are: float64 asks for the precision that it names. */
const common = (...operands: ReadonlyArray<Real>): RealConstructor =>
  operands.every((operand) => operand instanceof Float32Array) ? Float32Array : Float64Array

/** A view of the memory at `at`. */
const viewOf = (Type: RealConstructor, buffer: ArrayBufferLike, at: number, length: number): Real =>
  Type === Float32Array ? new Float32Array(buffer, at, length) : new Float64Array(buffer, at, length)

/** A view of the memory at `at`, filled with the first `length` numbers of an operand. */
const copied = (
  Type: RealConstructor,
  buffer: ArrayBufferLike,
  at: number,
  from: Real,
  length: number
): Real => {
  const view = viewOf(Type, buffer, at, length)
  view.set(from.length === length ? from : from.subarray(0, length))
  return view
}

/** Runs one kernel: operands of these many bytes, then the scratch that every one of them needs. */
const call = <A>(
  arena: Arena,
  operands: ReadonlyArray<number>,
  run: (opened: Opened) => A,
  otherwise: () => A,
  scratch = arena.scratch
): A => {
  const opened = arena.open([...operands, scratch])
  if (opened === undefined) return otherwise()
  const result = run(opened)
  arena.close()
  return result
}
