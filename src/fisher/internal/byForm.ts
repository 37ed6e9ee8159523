/** The structure of each block by the form that its gradients have: Kronecker factors, units, or none. */
import { InvalidArgument } from "../../Errors.ts"
import type { Layout, ParamBlock } from "../../model/ParamSpace.ts"
import type { PartsOf } from "./perBlock.ts"

/** What a block of outer products takes, and what one of units takes. *Throws* `InvalidArgument` for a block that is neither. */
export const byForm =
  <Part>(structure: string, outer: Part, unitwise: Part): PartsOf<Part> =>
  ({ blocks }: Layout) =>
    blocks.map((block) => {
      if (block.form === "written") throw noFactors(structure, block)
      return block.form === "outer" ? outer : unitwise
    })

const noFactors = (structure: string, { layer }: ParamBlock): InvalidArgument =>
  new InvalidArgument({
    argument: "structure",
    value: structure,
    message: `structure is ${structure}, and the gradients of the layer ${layer} are no outer products of which it could take the factors. Give Structure.mixed another structure for that layer, such as Structure.diagonal or Structure.blockDiagonal.`
  })
