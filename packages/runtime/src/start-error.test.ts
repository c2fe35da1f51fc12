import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyStartError } from './start-error.ts';

const runc = (message: string) =>
  `time="2026-11-24T13:26:24Z" level=error msg="runc create failed: unable to start container process: ${message}"`;

/** What the runtimes really say (crun 1.8, runc 1.1), and what a client is told. */
// biome-ignore format: a table
const CASES: [raw: string, command: string | undefined, exitCode: number, message: string][] = [
  ['executable file `nosuch` not found in $PATH: No such file or directory', 'nosuch', 127, 'exec: "nosuch": executable file not found in $PATH'],
  ['executable file `/nosuch` not found in $PATH: No such file or directory', '/nosuch', 127, 'exec: "/nosuch": stat /nosuch: no such file or directory'],
  ['executable file `./rel` not found in $PATH: No such file or directory', './rel', 127, 'exec: "./rel": stat ./rel: no such file or directory'],
  ['executable file `a"b` not found in $PATH: No such file or directory', 'a"b', 127, 'exec: "a\\"b": executable file not found in $PATH'],
  ['open executable: Operation not permitted', '/etc', 126, 'exec: "/etc": permission denied'],
  ['open executable: Permission denied', '/etc/passwd', 126, 'exec: "/etc/passwd": permission denied'],
  ['open executable: Permission denied', 'plain', 127, 'exec: "plain": executable file not found in $PATH'],
  ['open executable: Operation not permitted', '', 127, 'exec: "": executable file not found in $PATH'],
  ['open executable: Permission denied', undefined, 126, 'open executable: Permission denied'],
  [runc('exec: \\"nosuch\\": executable file not found in $PATH'), undefined, 127, 'exec: "nosuch": executable file not found in $PATH'],
  [runc('exec: \\"/nosuch\\": stat /nosuch: no such file or directory'), undefined, 127, 'exec: "/nosuch": stat /nosuch: no such file or directory'],
  [runc('exec: \\"/etc/passwd\\": permission denied'), undefined, 126, 'exec: "/etc/passwd": permission denied'],
  [runc('exec: \\"/etc\\": is a directory'), undefined, 126, 'exec: "/etc": is a directory'],
  [runc('exec: \\"a\\\\\\"b\\": executable file not found in $PATH'), undefined, 127, 'exec: "a\\"b": executable file not found in $PATH'],
  [runc('exec: \\"/bin/x\\": exec format error'), undefined, 126, 'exec: "/bin/x": exec format error'],
  ['mount `/a` to `/b`: Permission denied', 'true', 128, 'mount `/a` to `/b`: Permission denied'],
  ['exec container process `/bin/x`: No such file or directory', undefined, 127, 'exec: "/bin/x": stat /bin/x: no such file or directory'],
  ['mount `/a` to `/b`: Not a directory', 'true', 128, 'mount `/a` to `/b`: Not a directory'],
];

for (const [raw, command, exitCode, message] of CASES)
  test(`${raw} (${command})`, () => assert.deepEqual(classifyStartError(raw, command), { exitCode, message }));
