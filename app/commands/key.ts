/** `assay key new|import|show|encrypt FILE`: accounts in files of their own. No subcommand prints a secret. */
import { randomBytes } from 'node:crypto'
import { text as readAll } from 'node:stream/consumers'
import type { Command } from 'commander'
import { passwordOption } from '#app/client/options.ts'
import { labelled } from '#app/report.ts'
import { askPassphrase, newPassphrase, passphraseFrom } from '#app/terminal/passphrase.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { fail } from '#proto/errors.ts'
import { bareSecret, createSecret, describeKey, encryptKeyFile, identityOf } from '#runtime/keys.ts'
import { decryptSecret, looksEncrypted } from '#runtime/keystore.ts'

interface Options {
  readonly passwordFile?: string
  readonly bare?: boolean
  readonly json?: boolean
}

export function define(command: Command): void {
  writing(command.command('new').description('make an account and write its secret to FILE')).action(
    async (file: string, options: Options) => {
      await create(file, randomBytes(32), options)
    },
  )
  writing(
    command
      .command('import')
      .description('write an account to FILE: its secret, or a keystore, comes from standard input'),
  ).action(async (file: string, options: Options) => {
    await create(file, await readSecretInput(), options)
  })
  shown(command.command('show').description("say whose account FILE holds; an encrypted one's stays closed")).action(
    async (file: string, options: Options) => {
      const { account, encrypted } = await describeKey(file)
      report(file, account, encrypted, options)
    },
  )
  passwordOption(
    shown(command.command('encrypt').description('put the bare secret in FILE under a passphrase')),
  ).action(async (file: string, options: Options) => {
    if ((await describeKey(file)).encrypted) {
      fail('bad-input', `${file} is encrypted already`, { next: 'Import it to change its passphrase.' })
    }
    const { account } = await encryptKeyFile(file, await newPassphrase(options.passwordFile))
    report(file, account, true, options)
  })
}

function shown(command: Command): Command {
  return command.argument('<file>', 'key file').option('--json', 'print one JSON object').exitOverride()
}

function writing(command: Command): Command {
  return passwordOption(shown(command)).option('--bare', 'without a passphrase: for devnets, or an encrypted disk')
}

async function create(file: string, secret: Uint8Array, options: Options): Promise<void> {
  const bare = options.bare === true
  await createSecret(file, secret, bare ? undefined : await newPassphrase(options.passwordFile))
  report(file, identityOf(secret).account, !bare, options)
}

/** A secret never stands on a command line, where other users and the shell's history see it. */
async function readSecretInput(): Promise<Uint8Array> {
  const { stdin } = process
  const input = stdin.isTTY ? await askPassphrase('Secret (0x and 64 digits): ') : await readAll(stdin)
  if (!looksEncrypted(input)) return bareSecret(input, 'standard input')
  return decryptSecret(input, await passphraseFrom(undefined)('the keystore'), 'the keystore')
}

function report(file: string, account: string | undefined, encrypted: boolean, options: Options): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ file, account: account ?? null, encrypted })}\n`)
    return
  }
  const terminal = terminalOf(process.stdout)
  const how = encrypted ? 'encrypted' : 'bare: whoever reads the file has the account'
  terminal.write(`${labelled(terminal, 'account', account ?? 'not stated')}\n`)
  terminal.write(`${labelled(terminal, 'file', `${file}, ${how}`)}\n`)
}
