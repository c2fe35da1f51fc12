import { run } from '@corten/util';

/** Tells systemd how the service is doing (sd_notify(3)); nothing happens when it was not started by systemd. */
export async function notify(state: 'READY=1' | 'STOPPING=1' | 'RELOADING=1'): Promise<void> {
  if (!process.env['NOTIFY_SOCKET']) return;
  // Node has no datagram unix sockets; the distribution's own tool does it once per state.
  await run('systemd-notify', [`--pid=${process.pid}`, state], { env: process.env });
}
