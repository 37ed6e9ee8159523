/**
 * A process of its own in which some packages are not installed: prints what each device says there, and what `auto` takes.
 *
 * `node missing.ts PACKAGES GPU`: PACKAGES are left out, comma by comma, and a koffi that is there finds no library. GPU is `none` for a
 * WebGPU without an adapter, `some` for one with, else the process's own.
 */
import { registerHooks } from "node:module"
import { Effect } from "effect"

const [packages = "", gpu = ""] = process.argv.slice(2)
const missing = packages.split(",")
const withoutLibraries = "data:text/javascript,export const load = () => { throw new Error('not found') }"

registerHooks({
  resolve: (specifier, context, next) => {
    if (missing.includes(specifier)) return next(`${specifier}-which-is-not-there`, context)
    return specifier === "koffi"
      ? { url: withoutLibraries, format: "module", shortCircuit: true }
      : next(specifier, context)
  }
})
if (gpu !== "") {
  const requestAdapter = async () => (gpu === "none" ? null : {})
  Object.defineProperty(globalThis.navigator, "gpu", { value: { requestAdapter } })
}

const { Device } = await import("../../src/index.ts")

const said = (device: typeof Device.native) =>
  Effect.runPromise(
    Device.use(({ name }) => Effect.succeed(name)).pipe(
      Effect.provide(device),
      Effect.catchTag("DeviceUnavailable", ({ device, message }) => Effect.succeed({ device, message }))
    )
  )
const answers = {
  webgpu: await said(Device.webgpu),
  native: await said(Device.native),
  auto: await said(Device.auto)
}
// tfjs greets on stdout where it is loaded in Node.
console.log(`\n${JSON.stringify(answers)}`)
