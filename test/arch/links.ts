/** Finds links of Markdown files that lead nowhere: to a file that does not exist, or to a heading that is not there. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { filesBelow } from './source.ts'

/** `file:line target` of every relative link below `root` that does not resolve. Links to other sites are not followed. */
export function brokenLinks(root: string): string[] {
  const files = filesBelow(root).filter((file) => file.endsWith('.md'))
  return files.flatMap((file) =>
    prose(readFileSync(join(root, file), 'utf8')).flatMap((line, i) =>
      [...line.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => target as string)
        .filter((target) => !/^[a-z]+:/.test(target) && !resolves(root, file, target))
        .map((target) => `${file}:${i + 1} ${target}`),
    ),
  )
}

function resolves(root: string, file: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const full = path === '' ? join(root, file) : normalize(join(root, dirname(file), decodeURI(path)))
  if (!existsSync(full)) return false
  if (anchor === undefined || statSync(full).isDirectory() || !full.endsWith('.md')) return anchor === undefined
  return headings(readFileSync(full, 'utf8')).includes(anchor)
}

/** The lines of a document; those of code blocks are blank, and code within lines is gone. */
function prose(text: string): string[] {
  let code = false
  return text.split('\n').map((line) => {
    const fence = line.trimStart().startsWith('```')
    if (fence) code = !code
    return code || fence ? '' : line.replace(/`[^`]*`/g, '')
  })
}

/** Anchors of the headings: lower case, without punctuation, spaces as hyphens, as the common renderers make them. */
function headings(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => /^#{1,6} /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )
}
