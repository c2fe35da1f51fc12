import { invalid, messageOf } from '@corten/errors';
import { OPTION_LIST, type Option, type OptionName, type RawOptions } from './options.ts';
import { addFlagValue } from './values.ts';

/** Reads the command line as dockerd does (pflag): `--x=v`, `--x v`, `-Dl debug`, booleans without a value. */
export function parseFlags(argv: readonly string[]): RawOptions {
  const found: RawOptions = {};
  const set = (name: OptionName, option: Option, spelled: string, text: string) => {
    try {
      found[name] = addFlagValue(option.kind, found[name], text);
    } catch (error) {
      throw invalid(`invalid argument "${text}" for "${spelled}" flag: ${messageOf(error)}`);
    }
  };
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument.startsWith('--')) {
      const [flag, inline] = argument.slice(2).split(/=(.*)/s);
      const [name, option] = byFlag(flag!) ?? fail(`unknown flag: --${flag}`);
      const spelled = option.short ? `-${option.short}, --${flag}` : `--${flag}`;
      if (inline !== undefined) set(name, option, spelled, inline);
      else if (option.kind === 'bool') set(name, option, spelled, 'true');
      else set(name, option, spelled, rest.shift() ?? fail(`flag needs an argument: --${flag}`));
    } else if (argument.startsWith('-') && argument !== '-') {
      shortFlags(argument, rest, set);
    } else fail(`"cortend" accepts no arguments, but got "${argument}"`);
  }
  return found;
}

function shortFlags(
  argument: string,
  rest: string[],
  set: (name: OptionName, option: Option, spelled: string, text: string) => void,
): void {
  for (let i = 1; i < argument.length; i++) {
    const letter = argument[i]!;
    const [name, option] = byShort(letter) ?? fail(`unknown shorthand flag: '${letter}' in ${argument}`);
    const spelled = `-${letter}, --${option.flag}`;
    if (option.kind === 'bool') {
      set(name, option, spelled, 'true');
      continue;
    }
    const inline = argument.slice(i + 1).replace(/^=/, '');
    set(name, option, spelled, inline || (rest.shift() ?? fail(`flag needs an argument: '${letter}' in ${argument}`)));
    return;
  }
}

const byFlag = (flag: string) => OPTION_LIST.find(([, option]) => option.flag === flag);
const byShort = (letter: string) => OPTION_LIST.find(([, option]) => option.short === letter);
const fail = (message: string): never => {
  throw invalid(message);
};

export function usage(): string {
  const lines = OPTION_LIST.filter(([, o]) => o.flag).map(([, o]) => {
    const left = `  ${o.short ? `-${o.short}, ` : '    '}--${o.flag}${o.kind === 'bool' ? '' : ` ${o.kind}`}`;
    return `${left.padEnd(46)}${o.help}`;
  });
  return `Usage:  cortend [OPTIONS]\n\nThe Corten engine: speaks Docker's Engine API.\n\nOptions:\n${lines.join('\n')}\n`;
}
