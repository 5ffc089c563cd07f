/** Finds the repository's own files and reads what the TypeScript ones import and name. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import ts from 'typescript'

const SKIPPED = new Set(['node_modules', '.git', '.assay', '.tmp', 'coverage', 'out', 'cache', 'broadcast'])

/** Paths of all files below `root`, sorted, with forward slashes; installed and generated folders are left out. */
export function filesBelow(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name)
      if (entry.isDirectory())
        return SKIPPED.has(entry.name) || path === 'test/arch/fixtures' ? [] : filesBelow(root, path)
      return entry.isFile() ? [path] : []
    })
}

export interface Import {
  readonly line: number
  /** Path from the root for files of the repository, the name for packages, undefined if it is computed at run time. */
  readonly target: string | undefined
  readonly own: boolean
}

export interface Source {
  readonly file: string
  readonly tree: ts.SourceFile
  readonly lineOf: (node: ts.Node) => number
}

export function parse(root: string, file: string): Source {
  const tree = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true)
  return { file, tree, lineOf: (node) => tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1 }
}

export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  node.forEachChild((child) => walk(child, visit))
}

/** All imports of a file: static, dynamic, of types, re-exports, and files named by `new URL(name, import.meta.url)`. */
export function importsOf({ file, tree, lineOf }: Source, subpaths: Readonly<Record<string, string>>): Import[] {
  const found: Import[] = []
  walk(tree, (node) => {
    const name = importedName(node)
    if (name === undefined) return
    const line = lineOf(node)
    if (name === null || !ts.isStringLiteralLike(name)) found.push({ line, target: undefined, own: false })
    else found.push({ line, ...resolve(file, name.text, subpaths) })
  })
  return found
}

/** The node that names what `node` imports; null if nothing does, undefined if `node` is no import. */
function importedName(node: ts.Node): ts.Node | null | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : null
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return node.arguments[0] ?? null
  if (ts.isNewExpression(node) && node.expression.getText() === 'URL') {
    const [name, base] = node.arguments ?? []
    const relative = base?.getText() === 'import.meta.url' && name !== undefined && ts.isStringLiteralLike(name)
    return relative && name.text.endsWith('.ts') ? name : undefined
  }
  return undefined
}

function resolve(
  from: string,
  name: string,
  subpaths: Readonly<Record<string, string>>,
): { target: string; own: boolean } {
  if (name.startsWith('.')) return { target: posix.join(posix.dirname(from), name), own: true }
  const [prefix = '', ...rest] = name.split('/')
  const mapped = subpaths[`${prefix}/*`]
  if (mapped !== undefined) return { target: posix.normalize(mapped.replace('*', rest.join('/'))), own: true }
  return { target: name, own: false }
}
