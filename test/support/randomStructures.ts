/** The structures for random cases, and what of a Fisher must be positive semidefinite. */
import { Fisher, Structure } from "../../src/index.ts"
import { blocks } from "../oracle/network.ts"
import { oneOf, type RandomCase } from "./randomCases.ts"
import { allStructures, type Common } from "./structures.ts"

/** Some structure for each layer. */
export const randomMixture = ({ net, random }: RandomCase): Structure.AnyStructure<Common> =>
  Structure.mixed(
    blocks(net).map(() => oneOf(random, Object.values(allStructures)))
  ) as Structure.AnyStructure<Common>

type Any = Fisher.Fisher<string, Common>

/** The moments of weight and bias of each unit, 2 x 2 for each weight: the matrices that a quasi-diagonal Fisher stores parts of. */
const couplings = ({ means, space }: Any): ReadonlyArray<Float32Array> => {
  let next = 0
  return space.blocks.flatMap(({ bias, columns, rows }) => {
    const squares = means[next++]!
    if (!bias || rows === 1) return Array.from(squares, (square) => Float32Array.of(square))
    const cross = means[next++]!
    return Array.from(cross, (value, at) =>
      Float32Array.of(squares[(rows - 1) * columns + (at % columns)]!, value, value, squares[at]!)
    )
  })
}

/** The matrices that a Fisher stores, a number by itself as 1 x 1, and the whole of it written out. */
export const definiteMatrices = (fisher: Any): ReadonlyArray<Float32Array> => [
  ...stored(fisher),
  Fisher.toDense(fisher)
]

const stored = (fisher: Any): ReadonlyArray<Float32Array> => {
  const { means, space, structure } = fisher
  const single = space.blocks.length === 1
  switch (single ? structure.name : structure.name.replace(/^e?kfac.*/, "by blocks")) {
    case "dense":
    case "blockDiagonal":
    case "kfac":
    case "kfacReduce":
      return means.map(Structure.unpacked)
    case "diagonal":
    case "ekfac":
    case "ekfacReduce":
      return means.flatMap((mean) => Array.from(mean, (value) => Float32Array.of(value)))
    case "quasiDiagonal":
      return couplings(fisher)
    case "unitwise":
      return means.flatMap((mean, i) => {
        const { columns, rows } = space.blocks[i]!
        const length = (rows * (rows + 1)) / 2
        return Array.from({ length: columns }, (_, o) =>
          Structure.unpacked(mean.subarray(o * length, (o + 1) * length))
        )
      })
    // Rows are any numbers: what is made of them is what counts.
    case "gram":
      return []
    default:
      return space.blocks.flatMap((_, i) => {
        const { means: own, structure: part } = fisher.operations.restrict(i)
        return stored({
          ...fisher,
          space: blockSpace(fisher, i),
          structure: part as Structure.Structure<Common>,
          means: own
        })
      })
  }
}

const blockSpace = ({ space }: Any, i: number): Any["space"] => {
  const block = space.blocks[i]!
  return {
    signature: `${space.signature}, block ${i}`,
    blocks: [{ ...block, offset: 0 }],
    size: block.rows * block.columns
  }
}
