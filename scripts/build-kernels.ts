/**
 * `npm run kernels`: compiles assembly/ to src/kernels/internal/modules.ts and, for memory shared between threads, sharedModules.ts; with
 * `--check`, fails if those files are not what it would write.
 */
import { execFile } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"

const root = join(import.meta.dirname, "..")
const folder = join(root, ".cache", "kernels")
mkdirSync(folder, { recursive: true })

/** The module as base64. AS112 warns of vectors in exported signatures; none of ours is seen from outside. */
const compile = async (entry: string, name: string, features: ReadonlyArray<string>): Promise<string> => {
  const out = join(folder, `${name}.wasm`)
  const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js")
  const { stderr } = await promisify(execFile)(
    process.execPath,
    [
      asc,
      join("assembly", entry),
      ...["--outFile", out, "-O3", "--noAssert", "--runtime", "stub", "--use", "abort=", "--importMemory"],
      ...["--disableWarning", "112", "--enable", "simd", ...features]
    ],
    { cwd: root }
  )
  if (stderr !== "") console.error(stderr)
  return readFileSync(out).toString("base64")
}

const fused = ["--enable", "relaxed-simd"]

// A module takes a shared memory whose maximum is at most the one that it declares: 65536 pages are 4 GiB, all that there is.
const shared = ["--enable", "threads", "--sharedMemory", "--maximumMemory", "65536"]

const [plainModule, fusedModule, plainShared, fusedShared] = await Promise.all([
  compile("index.ts", "plain", []),
  compile("index.ts", "fused", fused),
  compile("parts.ts", "shared-plain", shared),
  compile("parts.ts", "shared-fused", [...shared, ...fused])
])

const modules = `/**
 * assembly/ compiled, in base64. Written by \`npm run kernels\`; not to be edited.
 */

/** With 128-bit vectors. */
export const plainModule: string =
  "${plainModule}"

/** With fused multiply-adds as well (relaxed SIMD). */
export const fusedModule: string =
  "${fusedModule}"
`

const sharedModules = `/**
 * assembly/parts.ts compiled for a memory that threads share, in base64. Written by \`npm run kernels\`; not to be edited.
 */

/** With 128-bit vectors. */
export const plainModule: string =
  "${plainShared}"

/** With fused multiply-adds as well (relaxed SIMD). */
export const fusedModule: string =
  "${fusedShared}"
`

for (const [name, text] of Object.entries({ "modules.ts": modules, "sharedModules.ts": sharedModules })) {
  const target = join(root, "src", "kernels", "internal", name)
  if (!process.argv.includes("--check")) writeFileSync(target, text)
  else if (readFileSync(target, "utf8") !== text) {
    console.error(`kernels: src/kernels/internal/${name} is not assembly/ compiled. Run \`npm run kernels\`.`)
    process.exitCode = 1
  }
}
