/** The engine's own log (not a container's). Lines go to stderr as `time level room: message key=value`. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  child(room: string): Logger;
}

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3, fatal: 4 } as const;
export type LogLevel = keyof typeof LEVELS;

const render = (value: unknown): string => {
  if (value instanceof Error) return JSON.stringify(value.message);
  return typeof value === 'string' ? JSON.stringify(value) : String(JSON.stringify(value));
};

/** `level` is a function so that a reload of the configuration takes effect at once. */
export function createLogger(
  level: () => LogLevel,
  room = 'engine',
  write: (line: string) => void = (l) => void process.stderr.write(l),
): Logger {
  const log = (at: LogLevel, message: string, fields: Record<string, unknown> = {}) => {
    if (LEVELS[at] < LEVELS[level()]) return;
    const tail = Object.entries(fields).map(([k, v]) => ` ${k}=${render(v)}`);
    write(`${new Date().toISOString()} ${at} ${room}: ${message}${tail.join('')}\n`);
  };
  return {
    debug: (m, f) => log('debug', m, f),
    info: (m, f) => log('info', m, f),
    warn: (m, f) => log('warn', m, f),
    error: (m, f) => log('error', m, f),
    child: (name) => createLogger(level, name, write),
  };
}
