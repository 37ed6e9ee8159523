/**
 * The control of `npm run types`: a floating effect must be a type error under tsconfig.json.
 *
 * Only a patched tsc knows that, and one that is not patched reports nothing at all, so a silent check proves nothing.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const folder = join(root, ".cache", "types")
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, "tsconfig.json"), `{ "extends": "../../tsconfig.json", "include": ["*.ts"] }`)
writeFileSync(
  join(folder, "floating.ts"),
  `import { Effect } from "effect"\n\nEffect.log("nobody runs this")\n`
)

const tsc = join(root, "node_modules", "@typescript", "native", "bin", "tsc")
const args = [tsc, "-p", join(folder, "tsconfig.json"), "--pretty", "false"]
const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" })
const errors = stdout.trim().split("\n")

if (status === 0 || errors.length !== 1 || !errors[0]?.includes("effect(floatingEffect)")) {
  console.error(`types: tsc did not report the floating effect of the control, but:\n${stdout}`)
  console.error("Run `npx effect-tsgo patch`, and see the plugin in tsconfig.json.")
  process.exitCode = 1
}
