import { atLeast, command } from '../../cli/command.ts';
import { createBody } from '../../run/body.ts';
import { createContainer } from '../../run/create.ts';
import { createFlags } from '../../run/flags.ts';

export const create = command({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  arity: atLeast(1),
  flags: createFlags,
  optionsFirst: true,
  failure: 1,
  async run(context, { flags, given, args }) {
    const body = createBody(flags, given, args, false);
    context.print(await createContainer(context, flags, body));
  },
});
