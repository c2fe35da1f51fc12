/** Entry of the command line. Loads nothing but what the given command needs. */
delete process.env.NODE_COMPILE_CACHE; // ours (see bin/corten), not for programs that we start
void import('./cli/dispatch.ts').then(({ main }) => main(process.argv.slice(2)));
