import { createInterface } from 'node:readline';
import { between, type Context, command } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, string } from '../../cli/flag-types.ts';
import { type AuthConfig, credentialsFor, HUB, runHelper } from '../../client/credentials.ts';
import { EngineError, readText } from '../../client/engine.ts';

const serverOf = (text: string | undefined): string => {
  if (!text || text === 'docker.io' || text === 'index.docker.io') return HUB;
  return text === HUB ? text : text.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
};

export const login = command({
  usage: '[OPTIONS] [SERVER]',
  arity: between(0, 1),
  flags: {
    password: string('p', 'Password or personal access token (PAT)'),
    'password-stdin': bool('', 'Take the password from stdin'),
    username: string('u', 'Username'),
  },
  async run(context, { flags, given, args }) {
    const server = serverOf(args[0]);
    if (given.has('password')) {
      context.warn('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
      if (flags['password-stdin']) throw new CliError('--password and --password-stdin are mutually exclusive');
    }
    if (flags['password-stdin'] && !flags.username)
      throw new CliError('the --password-stdin option requires --username to be set');
    const known = credentialsFor(context.config, server);
    const username = flags.username || known.username || (await ask(context, 'Username: '));
    let password = flags.password;
    if (flags['password-stdin']) password = (await readText(context.stdin)).replace(/\r?\n$/, '');
    else if (!password && !flags.username && known.password) password = known.password;
    else if (!password) password = await ask(context, 'Password: ', true);
    if (!username || !password) throw new CliError(`Error: Non-null Username and Password Required`);
    const auth: AuthConfig = { username, password, serveraddress: server };
    const answer = await context.engine
      .post<{ Status?: string; IdentityToken?: string }>('/auth', { body: auth })
      .catch((error: unknown) => {
        if (error instanceof EngineError && error.status === 401 && known.username === username)
          eraseLogin(context, server);
        throw error;
      });
    store(
      context,
      answer.IdentityToken ? { identitytoken: answer.IdentityToken, username, serveraddress: server } : auth,
    );
    context.print(answer.Status ?? 'Login Succeeded');
  },
});

export const logout = command({
  usage: '[SERVER]',
  arity: between(0, 1),
  flags: {},
  async run(context, { args }) {
    const server = serverOf(args[0]);
    const known = context.config.file.auths ?? {};
    const present =
      [server, `https://${server}`, `http://${server}`].some((name) => name in known) ||
      Boolean(context.config.file.credsStore);
    if (!present) return context.print(`Not logged in to ${server}`);
    context.print(`Removing login credentials for ${server}`);
    eraseLogin(context, server);
  },
});

function store({ config, warn }: Context, auth: AuthConfig): void {
  const helper = config.file.credHelpers?.[auth.serveraddress] ?? config.file.credsStore;
  if (helper) {
    const secret = auth.identitytoken ?? auth.password;
    const user = auth.identitytoken ? '<token>' : auth.username;
    runHelper(helper, 'store', JSON.stringify({ ServerURL: auth.serveraddress, Username: user, Secret: secret }));
    config.save((file) => {
      file.auths = { ...file.auths, [auth.serveraddress]: {} };
    });
    return;
  }
  warn(
    `\nWARNING! Your credentials are stored unencrypted in '${config.path}'.\nConfigure a credential helper to remove this warning.\n`,
  );
  const encoded = Buffer.from(`${auth.username}:${auth.identitytoken ? '' : auth.password}`).toString('base64');
  config.save((file) => {
    file.auths = {
      ...file.auths,
      [auth.serveraddress]: { auth: encoded, ...(auth.identitytoken ? { identitytoken: auth.identitytoken } : {}) },
    };
  });
}

function eraseLogin({ config }: Context, server: string): void {
  const helper = config.file.credHelpers?.[server] ?? config.file.credsStore;
  if (helper) runHelper(helper, 'erase', server);
  config.save((file) => {
    const names = new Set([server, `https://${server}`, `http://${server}`]);
    file.auths = Object.fromEntries(Object.entries(file.auths ?? {}).filter(([name]) => !names.has(name)));
  });
}

/** One line from the terminal, without echo for a secret. */
async function ask(context: Context, question: string, secret = false): Promise<string> {
  if (!context.stdin.isTTY) throw new CliError('Error: Cannot perform an interactive login from a non TTY device');
  const lines = createInterface({ input: context.stdin, output: context.stdout, terminal: true });
  if (secret)
    Object.assign(lines, {
      _writeToOutput: (text: string) => void (text.includes(question) && context.stdout.write(question)),
    });
  const answer = await new Promise<string>((resolve) => lines.question(question, resolve));
  lines.close();
  if (secret) context.stdout.write('\n');
  return answer.trim();
}
