/** What a likelihood that weighs by the data's own labels needs of a block: labels, and such as it takes. */
import { Result } from "effect"
import type { InvalidLabel, MissingLabels, ShapeMismatch } from "../../Errors.ts"
import { labelsOf, type Outputs } from "../../model/Conditional.ts"

/** *Fails*: `MissingLabels`, `ShapeMismatch`, `InvalidLabel`, and only where the likelihood asks what was observed. */
export const observed = ({
  batch,
  likelihood,
  size
}: Outputs): Result.Result<void, MissingLabels | ShapeMismatch | InvalidLabel> =>
  likelihood.observes === true
    ? Result.map(labelsOf(likelihood, size, batch), () => undefined)
    : Result.succeed(undefined)
