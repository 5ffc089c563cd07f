/** A scratch copy of the repository's own files, with the installed packages linked in. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Copy {
  readonly root: string
  read(file: string): string
  write(file: string, text: string): void
  remove(): void
}

/** Copies what git tracks or would track, as it is in the working tree. Throws outside a git working tree. */
export function copyRepository(from: string): Copy {
  const root = mkdtempSync(join(tmpdir(), 'assay-mutants-'))
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: from })
  for (const file of list.toString().split('\0')) {
    if (file !== '' && existsSync(join(from, file))) cpSync(join(from, file), join(root, file))
  }
  symlinkSync(join(from, 'node_modules'), join(root, 'node_modules'))
  return {
    root,
    read: (file) => readFileSync(join(root, file), 'utf8'),
    write: (file, text) => writeFileSync(join(root, file), text),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}
