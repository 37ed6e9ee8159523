/**
 * Where tensors are computed: a service that owns the tfjs backend for its lifetime.
 *
 * Device, backend and kernels are one choice, because the pure operations of a Fisher need the same arithmetic after the
 * tensors are gone. Layers: `Device.wasm` (npm alone, Node and browser), `Device.native` (a BLAS of this machine, several times
 * faster), `Device.webgpu` (a GPU), `Device.cpu` (plain JavaScript, for tests), `Device.auto` (native, wasm or cpu, the first that can start).
 * A bundler must serve the .wasm files of @tensorflow/tfjs-backend-wasm: see its `setWasmPaths`.
 *
 * tfjs keeps one current backend for the whole process. A stage makes its own backend current when it runs; when the Device is
 * released, the backend that was current before comes back.
 */
import * as tf from "@tensorflow/tfjs"
import { Context, Effect, Layer, Schema, Scope } from "effect"
import { DeviceUnavailable, type InvalidArgument, type TensorFailure } from "../Errors.ts"
import type { Kernels } from "../kernels/Kernels.ts"
import { NoLibrary } from "../kernels/native/library.ts"
import { NoThreads } from "../kernels/pool.ts"
import { reference } from "../kernels/reference.ts"
import { decode, PositiveInt } from "../Options.ts"
import { makeCurrent } from "./internal/current.ts"
import type { Faults } from "./internal/faults.ts"
import { activateNative, nativeBackend } from "./internal/native.ts"
import { failure, type Keep, runProgram } from "./internal/program.ts"
import { holdThreads, threadsBackend } from "./internal/threads.ts"
import { activateWasm, startUnderWay, wasmBackend, wasmKernels } from "./internal/wasm.ts"
import { activateWebgpu, NoWebgpu, webgpuBackend } from "./internal/webgpu.ts"

export type { Keep } from "./internal/program.ts"

/** `threads`: how many compute a product or a factorisation. */
export const NativeOptions = Schema.Struct({ threads: PositiveInt })

/** `threads`: how many compute a large product or a factorisation. */
export const WasmOptions = Schema.Struct({ threads: PositiveInt })

export class Device extends Context.Service<
  Device,
  {
    /** `"wasm"`, `"native"`, `"webgpu"`, `"cpu"`: for logs and reports. */
    readonly name: string
    /** The arithmetic for typed arrays that goes with this device. */
    readonly kernels: Kernels
    /**
     * Runs one synchronous tensor program. The tensors that it marks with `keep` live until the Scope closes; every other one
     * is freed when the program ends, and all of them when it throws.
     *
     * `keep` is for tensors that this program made: one made elsewhere has its owner already.
     *
     * *Fails*: `TensorFailure` with the stage's name and what was thrown.
     */
    readonly compute: <A>(
      stage: string,
      program: (keep: Keep) => A
    ) => Effect.Effect<A, TensorFailure, Scope.Scope>
    /** The values of some tensors, as typed arrays of their own. *Fails*: `TensorFailure`. */
    readonly read: (
      stage: string,
      tensors: ReadonlyArray<tf.Tensor>
    ) => Effect.Effect<ReadonlyArray<Float32Array>, TensorFailure>
  }
>()("natgrad/Device") {
  /** Plain JavaScript: slow, on every machine. For tests and as a second opinion. */
  static readonly cpu: Layer.Layer<Device, DeviceUnavailable> = Layer.effect(
    Device,
    Effect.suspend(() => startCpu)
  )

  /** WebAssembly, under a backend name of our own on tfjs's one wasm instance (docs/decisions/0004-device.md). */
  static readonly wasm: Layer.Layer<Device, DeviceUnavailable> = Layer.effect(
    Device,
    Effect.suspend(() => startWasm)
  )

  /**
   * wasm on several threads: large products and factorisations are shared with `threads` - 1 workers, which end with the Device. Every
   * result has the bits of `wasm`, and the device its name. They pay where nothing else runs; more of them than there are cores gain
   * nothing. In a browser the page must be cross-origin isolated (docs/decisions/0009-worker-pool.md).
   *
   * *Fails*: as `wasm`, and where threads cannot share memory; `InvalidArgument` where `threads` is not a whole number of at least 1.
   */
  static readonly wasmWith = (
    options: typeof WasmOptions.Type
  ): Layer.Layer<Device, DeviceUnavailable | InvalidArgument> =>
    Layer.effect(
      Device,
      Effect.flatMap(Effect.fromResult(decode(WasmOptions, options)), ({ threads }) => startThreads(threads))
    )

  /**
   * WebAssembly, with products and factorisations by a BLAS of this machine, several times faster: OpenBLAS, MKL or Accelerate, through the
   * optional package koffi. Node alone, on one thread.
   *
   * *Fails*: `DeviceUnavailable`, which says what to install.
   */
  static readonly native: Layer.Layer<Device, DeviceUnavailable> = Layer.effect(
    Device,
    Effect.suspend(() => startNative(1))
  )

  /**
   * native on several threads. They pay where nothing else runs: threads of a BLAS wait for each other by spinning.
   *
   * *Fails*: as `native`; `InvalidArgument` where `threads` is not a whole number of at least 1.
   */
  static readonly nativeWith = (
    options: typeof NativeOptions.Type
  ): Layer.Layer<Device, DeviceUnavailable | InvalidArgument> =>
    Layer.effect(
      Device,
      Effect.flatMap(Effect.fromResult(decode(NativeOptions, options)), ({ threads }) => startNative(threads))
    )

  /**
   * A GPU, by WebGPU: the browser's, or in Node that of the optional package webgpu. It needs the optional package
   * @tensorflow/tfjs-backend-webgpu, which a program in a browser imports itself. Every read is a round trip to the GPU, so small networks and
   * blocks gain nothing: `auto` never takes it.
   *
   * In Node it gives the process the globals of WebGPU and `navigator.gpu`, where they are not there already.
   *
   * *Fails*: `DeviceUnavailable`, which says what is missing.
   */
  static readonly webgpu: Layer.Layer<Device, DeviceUnavailable> = Layer.effect(
    Device,
    Effect.suspend(() => startWebgpu)
  )

  /**
   * native, where koffi and a BLAS are there; else wasm; where that cannot start either, cpu with a warning. The log says at level Debug which
   * it is, and why not native.
   */
  static readonly auto: Layer.Layer<Device, DeviceUnavailable> = Layer.effect(
    Device,
    Effect.suspend(() => startNative(1)).pipe(
      Effect.catch((error) => Effect.andThen(Effect.logDebug(error.message), startWasm)),
      Effect.catch((error) =>
        Effect.andThen(Effect.logWarning(`${error.message} Computing on cpu, many times slower.`), startCpu)
      ),
      Effect.tap((device) => Effect.logDebug(`natgrad computes on ${device.name}`))
    )
  )
}

/** Inside a tensor program: the sum of `count` tensors of one shape, each freed as soon as it is added. */
export const sumOf = <T extends tf.Tensor>(count: number, part: (index: number) => T): T => {
  let sum = tf.tidy(() => part(0))
  for (let i = 1; i < count; i++) {
    const next = tf.tidy(() => tf.add(sum, part(i)) as T)
    sum.dispose()
    sum = next
  }
  return sum
}

/** What a Device starts: its kernels, once its backend is registered; where what goes wrong is told later, that too. */
type Activate = () => Promise<{ readonly kernels: Kernels; readonly faults?: Faults }>

const make = (
  name: string,
  backend: string,
  activate: Activate,
  remedy = "Provide Device.cpu, which needs nothing."
): Effect.Effect<typeof Device.Service, DeviceUnavailable, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        holders.enter()
        try {
          const started = await activate()
          if (!(await tf.setBackend(backend))) throw new Error(`tfjs did not start its backend ${backend}`)
          return started
        } catch (cause) {
          await holders.leave()
          throw cause
        }
      },
      catch: (cause) =>
        new DeviceUnavailable({
          device: name,
          message: `The device ${name} cannot start: ${said(cause)}. ${remedy}`
        })
    }),
    () => Effect.promise(holders.leave)
  ).pipe(
    Effect.map(({ faults, kernels }) =>
      Device.of(
        faults === undefined
          ? { name, kernels, compute: compute(backend), read: read(backend) }
          : { name, kernels, compute: watched(faults, compute(backend)), read: readLater(faults) }
      )
    )
  )

const said = (cause: unknown): string =>
  cause instanceof NoLibrary || cause instanceof NoWebgpu || cause instanceof NoThreads
    ? cause.message
    : String(cause)

const orWasm = "Or provide Device.wasm, which needs nothing."
const startCpu = Effect.suspend(() => make("cpu", "cpu", () => Promise.resolve({ kernels: reference })))
const startWasm = Effect.suspend(() =>
  make("wasm", wasmBackend, async () => {
    await activateWasm()
    return { kernels: wasmKernels }
  })
)
const startThreads = (threads: number) => {
  if (threads === 1) return startWasm
  const { end, start } = holdThreads(threads)
  return Effect.andThen(
    Effect.addFinalizer(() => Effect.promise(end)),
    make("wasm", threadsBackend(threads), async () => ({ kernels: await start() }), isolation)
  )
}

/** What a browser asks of a page whose threads share memory. */
const isolation =
  "Serve the page with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or provide " +
  "Device.wasm, which computes on one thread."

const startNative = (threads: number) =>
  make("native", nativeBackend, async () => ({ kernels: await activateNative(threads) }), orWasm)
const startWebgpu = Effect.suspend(() => make("webgpu", webgpuBackend, activateWebgpu, orWasm))

/** Who found which backend: the first Device that comes remembers the user's, and the last that goes brings it back. */
const holders = (() => {
  let count = 0
  let found = ""
  return {
    enter: (): void => {
      if (count === 0) found = tf.getBackend()
      count++
    },
    leave: async (): Promise<void> => {
      count--
      if (count === 0 && found && tf.getBackend() !== found) await tf.setBackend(found)
    }
  }
})()

/** Waits for a backend that is starting beside this one: until it has, tfjs refuses every operation. */
const whenStarted = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const start = startUnderWay()
    return start === undefined
      ? effect
      : Effect.andThen(
          Effect.promise(() => start),
          whenStarted(effect)
        )
  })

/** What `Effect.acquireRelease` does, in half of its steps: every block of examples takes it three times. */
const compute =
  (backend: string): (typeof Device.Service)["compute"] =>
  (stage, program) =>
    whenStarted(
      Effect.uninterruptible(
        Effect.flatMap(Effect.scope, (scope) => {
          try {
            makeCurrent(backend)
            const { kept, result } = runProgram(program)
            return Effect.as(
              Scope.addFinalizerExit(scope, () => Effect.sync(() => release(kept))),
              result
            )
          } catch (cause) {
            return Effect.fail(failure(stage)(cause))
          }
        })
      )
    )

/** After a trap of wasm nothing can be freed any more: the failure of the program is what its caller should see. */
const release = (kept: Array<tf.Tensor>): void => {
  try {
    tf.dispose(kept)
  } catch {
    // The backend is gone, and its memory with it.
  }
}

const read =
  (backend: string): (typeof Device.Service)["read"] =>
  (stage, tensors) =>
    whenStarted(
      Effect.try({
        try: () => {
          makeCurrent(backend)
          return tensors.map(values)
        },
        catch: failure(stage)
      })
    )

/** A copy in float32. wasm's dataSync gives one already, cpu's gives the tensor's own memory. */
const values = (tensor: tf.Tensor): Float32Array => {
  requireNumbers(tensor)
  const data = tensor.dataSync()
  return tf.getBackend() === "cpu" || !(data instanceof Float32Array) ? new Float32Array(data) : data
}

const requireNumbers = ({ dtype }: tf.Tensor): void => {
  if (dtype === "string" || dtype === "complex64") {
    throw new Error(`a tensor of type ${dtype} has no float32 values`)
  }
}

/** A program whose tensors are not trusted if something went wrong since it began. */
const watched =
  (faults: Faults, unwatched: (typeof Device.Service)["compute"]): (typeof Device.Service)["compute"] =>
  (stage, program) =>
    Effect.acquireRelease(Effect.sync(faults.enter), (entered) =>
      Effect.sync(() => faults.leave(entered))
    ).pipe(Effect.andThen(unwatched(stage, program)))

/**
 * Reads that wait for the device. A tensor's numbers come from the backend that it is on, whichever is current by then; a fiber that is
 * interrupted does not wait for them.
 */
const readLater =
  (faults: Faults): (typeof Device.Service)["read"] =>
  (stage, tensors) =>
    Effect.tryPromise({
      try: async () => {
        const reads = Promise.all(tensors.map(valuesLater))
        const [arrays, faultless] = await Promise.allSettled([reads, faults.settle()])
        if (faultless.status === "rejected") throw faultless.reason
        if (arrays.status === "rejected") throw arrays.reason
        return arrays.value
      },
      catch: failure(stage)
    })

/** A copy: tfjs keeps what it has read, and gives it again. */
const valuesLater = async (tensor: tf.Tensor): Promise<Float32Array> => {
  requireNumbers(tensor)
  return new Float32Array((await tensor.data()) as ArrayLike<number>)
}
