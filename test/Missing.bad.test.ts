/**
 * A device whose packages, libraries or GPU are not there is a typed failure that says what to do, and `auto` goes on without it. Each case
 * is a process of its own in which they are missing.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

const program = fileURLToPath(new URL("./support/missing.ts", import.meta.url))

type Answer = string | { readonly device: string; readonly message: string }

const answers = async (packages: string, gpu = ""): Promise<Record<"webgpu" | "native" | "auto", Answer>> => {
  const given = ["--conditions=natgrad-source", program, packages, gpu]
  const { stdout } = await promisify(execFile)(process.execPath, given)
  return JSON.parse(stdout.trim().split("\n").at(-1)!)
}

const unavailable = (device: string, why: string) => ({
  device,
  message: `The device ${device} cannot start: ${why}. Or provide Device.wasm, which needs nothing.`
})
const notInstalled = (device: string, name: string) =>
  unavailable(device, `the package ${name} is not installed. Run \`npm install ${name}\``)

describe("a device that is asked for where something is missing", () => {
  it("webgpu or koffi: the package to install, and auto is wasm; control: with a GPU the package is not missed", async () => {
    const said = await answers("webgpu,koffi")
    expect(said.webgpu).toEqual(notInstalled("webgpu", "webgpu"))
    expect(said.native).toEqual(notInstalled("native", "koffi"))
    expect(said.auto).toBe("wasm")
    expect((await answers("webgpu", "none")).webgpu).not.toEqual(said.webgpu)
  })
  it("@tensorflow/tfjs-backend-webgpu: the package to install; a BLAS: which were looked for, and one to install", async () => {
    const said = await answers("@tensorflow/tfjs-backend-webgpu", "some")
    expect(said.webgpu).toEqual(notInstalled("webgpu", "@tensorflow/tfjs-backend-webgpu"))
    expect(said.native).toMatchObject({
      device: "native",
      message: expect.stringMatching(
        /^The device native cannot start: no BLAS was found \(.*\)\. Install OpenBLAS, such as Debian's libopenblas0-pthread\. Or provide/
      )
    })
    expect(said.auto).toBe("wasm")
  })
  it("a GPU: to install its driver", async () => {
    const said = await answers("", "none")
    const why =
      "WebGPU finds no GPU here that it can use. Install the GPU's driver (on Linux, one with Vulkan), or let the browser use it"
    expect(said.webgpu).toEqual(unavailable("webgpu", why))
  })
})
