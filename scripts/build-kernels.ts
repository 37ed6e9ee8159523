/**
 * `npm run kernels`: compiles assembly/ to src/kernels/internal/modules.ts; with `--check`, fails if that file is not what it would write.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const target = join(root, "src", "kernels", "internal", "modules.ts")
const folder = join(root, ".cache", "kernels")
mkdirSync(folder, { recursive: true })

/** The module as base64. AS112 warns of vectors in exported signatures; none of ours is seen from outside. */
const compile = (name: string, features: ReadonlyArray<string>): string => {
  const out = join(folder, `${name}.wasm`)
  const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js")
  execFileSync(
    process.execPath,
    [
      asc,
      join("assembly", "index.ts"),
      ...["--outFile", out, "-O3", "--noAssert", "--runtime", "stub", "--use", "abort=", "--importMemory"],
      ...["--disableWarning", "112", "--enable", "simd", ...features]
    ],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"] }
  )
  return readFileSync(out).toString("base64")
}

const text = `/**
 * assembly/ compiled, in base64. Written by \`npm run kernels\`; not to be edited.
 */

/** With 128-bit vectors. */
export const plainModule: string =
  "${compile("plain", [])}"

/** With fused multiply-adds as well (relaxed SIMD). */
export const fusedModule: string =
  "${compile("fused", ["--enable", "relaxed-simd"])}"
`

if (!process.argv.includes("--check")) writeFileSync(target, text)
else if (readFileSync(target, "utf8") !== text) {
  console.error("kernels: src/kernels/internal/modules.ts is not assembly/ compiled. Run `npm run kernels`.")
  process.exitCode = 1
}
