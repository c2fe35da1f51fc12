import { messageOf } from '@corten/errors';
import { createLogger } from '@corten/util';
import { usage } from './config/flags.ts';
import { readSettings, type Settings } from './config/settings.ts';
import { startEngine } from './engine.ts';
import { notify } from './notify.ts';
import { COMMIT, VERSION } from './version.ts';

const argv = process.argv.slice(2);

async function main(): Promise<void> {
  const { mode, settings } = readSettings(argv);
  if (mode === 'help') return void process.stdout.write(usage());
  if (mode === 'version') return void process.stdout.write(`Corten version ${VERSION}, build ${COMMIT}\n`);
  if (mode === 'validate') return void process.stderr.write('configuration OK\n');
  if (process.getuid?.() !== 0) throw new Error('cortend needs to be started with root privileges');
  await serve(settings);
}

async function serve(first: Settings): Promise<void> {
  let level = first.logLevel;
  const log = createLogger(() => level);
  const engine = await startEngine(first, log);
  await notify('READY=1');

  process.on('SIGHUP', () => {
    try {
      const { settings } = readSettings(argv);
      level = settings.logLevel;
      engine.reload(settings);
    } catch (error) {
      log.error('reload refused: the configuration stays as it was', { error: messageOf(error) });
    }
  });
  const stopped = Promise.withResolvers<void>();
  const stop = (signal: NodeJS.Signals) => {
    log.info('stopping', { signal });
    notify('STOPPING=1')
      .then(() => engine.stop())
      .then(stopped.resolve, stopped.reject);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // A defect in one request must not take the others down with it; it is logged with its stack, loudly.
  process.on('unhandledRejection', (reason) => {
    log.error('unhandled rejection (a defect)', { error: messageOf(reason), stack: (reason as Error)?.stack });
  });
  await stopped.promise;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const hint = /flag/.test(messageOf(error)) ? "\nSee 'cortend --help'." : '';
    process.stderr.write(`cortend: ${messageOf(error)}${hint}\n`);
    process.exit(1);
  },
);
