/** A process that opens a Device with workers, never closes it, and prints a product once its work is done; test/Pool.leak.test.ts runs it. */
import { Effect, Exit, Layer, Scope } from "effect"
import { Device } from "natgrad"

const scope = Effect.runSync(Scope.make())
const context = await Effect.runPromise(Layer.buildWithScope(Device.wasmWith({ threads: 3 }), scope))
const n = 512
const [a, out] = [new Float32Array(n * n).fill(1), new Float32Array(n * n)]
await Effect.runPromise(
  Device.use(({ kernels }) => Effect.sync(() => kernels.gemm({ m: n, n, k: n, a, b: a, out }))).pipe(
    Effect.provide(context)
  )
)
console.log(out.every((value) => value === n))
if (process.argv.includes("--close")) await Effect.runPromise(Scope.close(scope, Exit.void))
