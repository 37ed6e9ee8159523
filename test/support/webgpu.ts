/**
 * A GPU for the tests of Device.webgpu in Node: SwiftShader, which computes on the processor, where a Chromium has brought it.
 *
 * Its folder is looked for in some places; `SWIFTSHADER=FOLDER` names another. With `SWIFTSHADER=none` the tests take the machine's own GPU:
 * its exp and tanh may be rougher than the bounds of these tests.
 */
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { Effect } from "effect"
import { Device } from "../../src/index.ts"
import { devices } from "./subject.ts"

const named = process.env["SWIFTSHADER"]
const driver = "vk_swiftshader_icd.json"
const folder = (
  named === undefined
    ? [
        "/usr/lib/chromium",
        "/usr/lib/chromium-browser",
        "/usr/lib64/chromium-browser",
        "/opt/google/chrome",
        "/opt/chromium.org/chromium"
      ]
    : [named]
).find((path) => existsSync(join(path, driver)))

/** Lets Dawn find the driver, and the loader of Vulkan, which it opens by name: one that is open already has that name. */
const open = (path: string): unknown => {
  process.env["VK_DRIVER_FILES"] = join(path, driver)
  process.env["VK_ICD_FILENAMES"] = join(path, driver)
  const loader = join(path, "libvulkan.so.1")
  try {
    return existsSync(loader) ? createRequire(import.meta.url)("koffi").load(loader) : undefined
  } catch {
    return undefined
  }
}

/** Held as long as the process lives: what nobody holds is closed. */
export const loader = folder === undefined ? undefined : open(folder)

/** Whether there is a GPU to test on, with one line that says why not. */
export const hasWebgpu: boolean =
  folder === undefined && named !== "none"
    ? (console.log("Device.webgpu is not tested: no SwiftShader was found, which comes with Chromium"), false)
    : await Effect.runPromise(
        Effect.provide(Effect.succeed(true), Device.webgpu).pipe(
          Effect.catch((error) =>
            Effect.as(Effect.logInfo(`Device.webgpu is not tested: ${error.message}`), false)
          )
        )
      )

/** The devices that every law runs on, and this one: for laws that are quick there. */
export const everyDevice: typeof devices = { ...devices, ...(hasWebgpu && { webgpu: Device.webgpu }) }
