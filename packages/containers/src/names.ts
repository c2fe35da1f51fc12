import { randomInt } from 'node:crypto';
import { invalid } from '@corten/errors';

const ADJECTIVES =
  `airy amber ample arctic autumn balmy bold brave breezy bright brisk calm candid cedar cheery civil clear clever cobalt copper coral crisp curious dapper daring deft dewy eager early earnest ebony fair fabled fearless fleet fond frosty gentle gilded glad golden grand hardy hasty hearty honest humble idle indigo ivory jade jaunty jolly keen kind lively loyal lucid lunar mellow merry mighty misty modest mossy neat nimble noble olive opal open patient placid plucky polar polite prime proud quick quiet radiant rapid ready rosy rugged rusty sable sandy scarlet serene sharp silent silver sincere sleek snug solar solid spry stable stately steady stellar stoic sturdy subtle sunny swift tender tidy tranquil trusty upbeat valiant velvet vivid warm wise witty zesty`.split(
    ' ',
  );
/** Surnames of people who built, forged, measured and navigated. */
const SURNAMES =
  `abel agnesi airy amundsen ampere archimedes avogadro babbage banneker bell bernoulli bessemer biot bohr boole bouchon bowen boyle braille brunel cauchy cavendish celsius chladni clapeyron cook coulomb curie daguerre dalton darby davy descartes diesel dirac edison eiffel euler faraday fermat fessenden fleming foucault fourier franklin fresnel fulton galvani gauss germain gilbert gramme halley harrison heaviside henry herschel hertz hooke huygens jacquard joule kelvin kepler lagrange lamarr laplace leibniz lenz linnaeus lovelace mach magellan maxwell mendel mercator meitner morse nansen napier newcomen nightingale nobel noether ohm otto papin pascal pelton peregrinus poisson poulsen priestley ptolemy raman rankine riemann roebling ross rutherford savery seebeck shannon siemens smeaton snell somerville stephenson stevin stokes telford tesla torricelli trevithick tull tyndall vernier volta watt wheatstone whitworth wren young zeppelin`.split(
    ' ',
  );

const pick = (words: readonly string[]): string => words[randomInt(words.length)]!;

/** `adjective_surname`; with `retry` a digit is added, as Docker does when names run out. */
export const randomName = (retry = false): string =>
  `${pick(ADJECTIVES)}_${pick(SURNAMES)}${retry ? randomInt(10) : ''}`;

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Checks a name that a user gave and drops its leading slash. */
export function checkName(name: string): string {
  const bare = name.replace(/^\//, '');
  if (!NAME.test(bare)) throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  return bare;
}
