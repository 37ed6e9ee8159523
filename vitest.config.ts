import { defineConfig } from "vitest/config"

export default defineConfig({
  // "natgrad" is this folder: tests may import it by name, as its users do, and get src/
  resolve: { conditions: ["natgrad-source"] },
  ssr: { resolve: { conditions: ["natgrad-source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text-summary", "html", "json-summary"],
      reportsDirectory: "coverage"
    }
  }
})
