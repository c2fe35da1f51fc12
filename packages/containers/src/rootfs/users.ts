import { CortenError } from '@corten/errors';
import { readBeneath, withRoot } from './beneath.ts';

/** A user as the OCI process object wants it, and its home. */
export interface ProcessUser {
  uid: number;
  gid: number;
  additionalGids: number[];
  home: string;
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}
interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

const MAX_ID = 2 ** 31 - 1;
const lines = (text: string | undefined) =>
  (text ?? '').split('\n').filter((l) => l.trim() !== '' && !l.startsWith('#'));
const toId = (text: string | undefined): number => (/^\d+$/.test(text ?? '') ? Number(text) : Number.NaN);

/** passwd(5). Lines that are no entries are passed over. */
export const parsePasswd = (text: string | undefined): PasswdEntry[] =>
  lines(text).flatMap((line) => {
    const [name = '', , uid, gid, , home = ''] = line.split(':');
    const entry = { name, uid: toId(uid), gid: toId(gid), home };
    return Number.isNaN(entry.uid) || Number.isNaN(entry.gid) ? [] : [entry];
  });

/** group(5). */
export const parseGroup = (text: string | undefined): GroupEntry[] =>
  lines(text).flatMap((line) => {
    const [name = '', , gid, members = ''] = line.split(':');
    const entry = { name, gid: toId(gid), members: members.split(',').filter(Boolean) };
    return Number.isNaN(entry.gid) ? [] : [entry];
  });

const cannot = (message: string) => new CortenError('invalid', message);

/** Looks up `user[:group]` and `--group-add` names in the files of the container's root file system. */
export function lookupUser(root: string, spec: string, groupAdd: readonly string[] = []): ProcessUser {
  const [passwdText, groupText] = withRoot(root, (fd) => [readBeneath(fd, 'etc/passwd'), readBeneath(fd, 'etc/group')]);
  return resolveUser(parsePasswd(passwdText), () => parseGroup(groupText), spec, groupAdd);
}

export function resolveUser(
  passwd: readonly PasswdEntry[],
  groupsOf: () => readonly GroupEntry[],
  spec: string,
  groupAdd: readonly string[],
): ProcessUser {
  const [userPart = '', groupPart = ''] = spec.split(':');
  const groups = groupsOf();
  const entry = userPart === '' ? passwd.find((e) => e.uid === 0) : findUser(passwd, userPart);
  const uid = entry?.uid ?? (userPart === '' ? 0 : numeric(userPart, 'user'));
  const user: ProcessUser = { uid, gid: entry?.gid ?? 0, additionalGids: [], home: entry?.home || '/' };
  if (groupPart !== '') user.gid = findGroup(groups, groupPart)?.gid ?? numeric(groupPart, 'group');
  else if (entry)
    user.additionalGids = groups.filter((g) => g.members.includes(entry.name) && g.gid !== user.gid).map((g) => g.gid);
  for (const name of groupAdd) {
    const gid = findGroup(groups, name)?.gid ?? (/^\d+$/.test(name) ? Number(name) : undefined);
    if (gid === undefined) throw cannot(`unable to find group ${name}: no matching entries in group file`);
    if (!user.additionalGids.includes(gid)) user.additionalGids.push(gid);
  }
  return user;
}

const findUser = (passwd: readonly PasswdEntry[], text: string) =>
  passwd.find((e) => e.name === text) ?? (/^\d+$/.test(text) ? passwd.find((e) => e.uid === Number(text)) : undefined);
const findGroup = (groups: readonly GroupEntry[], text: string) =>
  groups.find((g) => g.name === text) ?? (/^\d+$/.test(text) ? groups.find((g) => g.gid === Number(text)) : undefined);

function numeric(text: string, kind: 'user' | 'group'): number {
  if (!/^\d+$/.test(text))
    throw cannot(`unable to find ${kind} ${text}: no matching entries in ${kind === 'user' ? 'passwd' : 'group'} file`);
  const id = Number(text);
  if (id > MAX_ID) throw cannot('uids and gids must be in range 0-2147483647');
  return id;
}
