/** Checks a repository against the boundaries in rules.ts and reports each place where one is crossed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import {
  ARROWS,
  CHANCE,
  CLOCKS,
  EXACT,
  EXACT_MATH,
  type Exception,
  isHelper,
  isTest,
  LOCALE,
  layerOf,
  outsideOf,
  WRAPPED,
} from './rules.ts'
import { filesBelow, importsOf, parse, type Source, walk } from './source.ts'

export interface Finding {
  readonly rule: string
  readonly file: string
  readonly line: number
  readonly message: string
}

export interface CheckOptions {
  /** The `imports` map of package.json. */
  readonly subpaths: Readonly<Record<string, string>>
  readonly exceptions: readonly Exception[]
}

/** All findings below `root`, in the order of files and lines. */
export function checkRepository(root: string, { subpaths, exceptions }: CheckOptions): Finding[] {
  const files = filesBelow(root)
  const findings = files.flatMap((file) => [
    ...checkText(root, file),
    ...(file.endsWith('.ts') ? checkSource(parse(root, file), subpaths) : []),
  ])
  const covers = ({ rule, file }: Exception, finding: Finding): boolean =>
    rule === finding.rule && file === finding.file
  const idle = exceptions.filter((exception) => !findings.some((finding) => covers(exception, finding)))
  return [
    ...findings.filter((finding) => !exceptions.some((exception) => covers(exception, finding))),
    ...idle.map(({ rule, file }) => ({
      rule: 'idle',
      file,
      line: 1,
      message: `the exception from ${rule} is not needed`,
    })),
  ]
}

function checkSource(source: Source, subpaths: CheckOptions['subpaths']): Finding[] {
  const findings = checkImports(source, subpaths)
  if (EXACT.includes(layerOf(source.file))) walk(source.tree, (node) => findings.push(...checkExact(source, node)))
  return findings
}

/** Layers that ship nothing and may use the helpers of tests. */
const WORKSHOP = ['tools', 'experiments']

function checkImports(source: Source, subpaths: CheckOptions['subpaths']): Finding[] {
  const { file } = source
  const layer = layerOf(file)
  const allowed = ARROWS[layer]
  return importsOf(source, subpaths).flatMap(({ line, target, own }): Finding[] => {
    const finding = (rule: string, message: string): Finding[] => [{ rule, file, line, message }]
    if (allowed === undefined) return finding('arrow', `${layer}/ is not a layer of rules.ts`)
    if (target === undefined) {
      const open = ['test', 'tools'].includes(layer)
      return open ? [] : finding('arrow', 'an import computed at run time cannot be checked')
    }
    if (own) {
      const other = isTest(target) && !target.startsWith('test/') ? layerOfSource(target) : layerOf(target)
      if (isTest(target) && !isTest(file) && !WORKSHOP.includes(layer))
        return finding('arrow', `${target} is for tests only`)
      return other === layer || allowed.includes(other) ? [] : finding('arrow', `${layer} must not import ${target}`)
    }
    if (outsideOf(layer).includes(target)) return finding('outside', `${layer} must not import ${target}`)
    const wrapper = WRAPPED.find((one) => one.package.test(target))
    const open = wrapper === undefined || isTest(file) || wrapper.layers.includes(layer)
    return open ? [] : finding('wrapped', `${target} is used through ${wrapper.layers.join(', ')} only`)
  })
}

/** The layer of a test file or helper as if it were a source. */
const layerOfSource = (file: string): string =>
  isHelper(file) ? layerOf(file.replace(/testing|vectors/g, 'source')) : layerOf(file.replace(/\.test\.ts$/, '.ts'))

function checkExact(source: Source, node: ts.Node): Finding[] {
  const finding = (rule: string, message: string): Finding[] => [
    { rule, file: source.file, line: source.lineOf(node), message },
  ]
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.AsteriskAsteriskToken) {
    return exactPower(node) ? [] : finding('math', 'a power is exact only of 2, of 4, of literals and of bigints')
  }
  if (!ts.isIdentifier(node) || isName(node)) return []
  const { text, parent } = node
  if (text === 'Math') {
    const member = ts.isPropertyAccessExpression(parent) && parent.expression === node ? parent.name.text : undefined
    if (member === 'random') return finding('chance', 'Math.random differs in each run')
    return member !== undefined && EXACT_MATH.includes(member)
      ? []
      : finding('math', `Math${member === undefined ? '' : `.${member}`} is not the same in every engine`)
  }
  const isMember = ts.isPropertyAccessExpression(parent) && parent.name === node
  if (!isMember && CLOCKS.includes(text)) return finding('clock', `${text} depends on the moment`)
  if (text === 'hrtime') return finding('clock', 'hrtime depends on the moment')
  if (!isMember && text === 'globalThis') return finding('globals', 'globalThis hides which global is used')
  if (CHANCE.includes(text)) return finding('chance', `${text} differs in each run`)
  if (LOCALE.includes(text)) return finding('locale', `${text} depends on the host's language`)
  return []
}

/** True for names that an object or type gives to its own members: `{ date: 1 }` is not a clock. */
function isName(node: ts.Identifier): boolean {
  const { parent } = node
  return (
    (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isPropertyDeclaration(parent)) &&
    parent.name === node
  )
}

/** Engines agree on powers of two; `x ** y` of other floats is as approximate as Math.pow. */
function exactPower({ left, right }: ts.BinaryExpression): boolean {
  if (ts.isBigIntLiteral(left)) return true
  const value = ts.isNumericLiteral(left) ? Number(left.text) : Number.NaN
  return value === 2 || value === 4 || (Number.isInteger(value) && ts.isNumericLiteral(right))
}

const TEXT = /\.(ts|mjs|js|json|md|sol|proto|toml|yaml|yml|sh)$|(^|\/)(run|LICENSE)$/

/** What lies outside the repository must not be referred to from inside; only `.ci/run` may look for test data. */
const OUTSIDE_PATH = /\.\.\/shared\//

function checkText(root: string, file: string): Finding[] {
  if (!TEXT.test(file) || file === '.ci/run' || file === 'test/arch/check.ts') return []
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  return lines.flatMap((text, i) =>
    OUTSIDE_PATH.test(text)
      ? [{ rule: 'place', file, line: i + 1, message: 'refers to a place outside the repository' }]
      : [],
  )
}
