/** The memory of the WebAssembly kernels: it grows to the largest call, not with their number, and a large one is given back. */
import { assert, it } from "@effect/vitest"
import { type Arena, keptBytes, makeArena } from "../src/kernels/internal/arena.ts"
import type { Kernels } from "../src/kernels/Kernels.ts"
import { compileKernels, fusedWorks, kernelsOn } from "../src/kernels/wasm.ts"
import { identity } from "./support/ratio.ts"

const fresh = async (): Promise<Arena> => makeArena(await compileKernels(fusedWorks()))

/** Every operation once, at size n. */
const everything = (kernels: Kernels, n: number): void => {
  const [x, out] = [identity(n), new Float64Array(n * n)]
  kernels.gemm({ m: n, n, k: n, a: x, b: x, out })
  kernels.syrk({ rows: n, n, a: x, out })
  kernels.cholesky({ n, a: x })
  kernels.choleskySolve({ n, l: x, columns: n, b: out })
  kernels.choleskyInverse({ n, l: x, out })
  kernels.symmetricEigen({ n, a: out, values: new Float64Array(n), vectors: true })
}

/** Whether 200 rounds leave the memory as the first round did. */
const isSteady = (arena: Arena, round: () => void): boolean => {
  round()
  const size = arena.size()
  for (let i = 0; i < 200; i++) round()
  return arena.size() === size
}

it("200 rounds of every operation take the memory of one", async () => {
  const arena = await fresh()
  const kernels = kernelsOn(arena)
  assert.isTrue(isSteady(arena, () => everything(kernels, 60)))
})

it("the law of steady memory rejects an operand that is a page longer each time", async () => {
  const arena = await fresh()
  let bytes = 0
  assert.isFalse(isSteady(arena, () => void arena.open([(bytes += 2 ** 16)])))
})

it("a memory over 128 MiB is given back after the call, and the next call works", async () => {
  const arena = await fresh()
  const kernels = kernelsOn(arena)
  everything(kernels, 10)
  const small = arena.size()
  // In and out take 134 MB each.
  const n = 4100
  kernels.gemm({
    m: n,
    n,
    k: 1,
    a: new Float64Array(n),
    b: new Float64Array(n),
    out: new Float64Array(n * n)
  })
  assert.isAtMost(arena.size(), small)
  arena.open([keptBytes])
  assert.isAbove(arena.size(), keptBytes)
  arena.close()
  assert.isAtMost(arena.size(), small)
  everything(kernels, 10)
})

it("operands beyond 4 GiB have no memory here, and the arena lives on", async () => {
  const arena = await fresh()
  assert.isUndefined(arena.open([2 ** 31, 2 ** 31]))
  assert.isDefined(arena.open([64]))
})
