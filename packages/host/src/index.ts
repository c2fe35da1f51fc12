export { awaitChild, becomeSubreaper } from './children.ts';
export { type DescriptorReceiver, listenForDescriptor } from './descriptor-passing.ts';
export {
  connectSeqpacket,
  pipe,
  setTerminalSize,
  socketOn,
} from './fds.ts';
export { lockFile, tryLock } from './flock.ts';
export {
  majorOf,
  makeDevice,
  makeNode,
  minorOf,
  O_CLOEXEC,
  O_PATH,
  openBeneath,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  setTimes,
} from './fs-calls.ts';
export { check, cPath, libc, type Path, SystemCallError } from './libc.ts';
export { type MountInfo, type MountRequest, MS, mount, mountInfo, unmount } from './mount.ts';
export { CLONE_NEWNET, CLONE_NEWNS, type MountNamespace, newMountNamespace, setns, unshare } from './namespaces.ts';
export {
  holdPort,
  inNetworkNamespace,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NetlinkSocket,
  newNetworkNamespace,
} from './netlink-socket.ts';
export { signalProcess } from './pidfd.ts';
export { compileSeccomp, type SeccompSpec } from './seccomp.ts';
export { type SpawnedProcess, type SpawnRequest, spawnProcess } from './spawn.ts';
export { getXattr, listXattrs, setXattr } from './xattr.ts';
