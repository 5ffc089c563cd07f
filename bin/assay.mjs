#!/usr/bin/env node
/** The `assay` command: sets the repository up if needed, then runs app/cli.ts with the arguments. */
import { fileURLToPath } from 'node:url'
import { run } from '../tools/bootstrap.mjs'

await run(fileURLToPath(new URL('../app/cli.ts', import.meta.url)), process.argv.slice(2))
