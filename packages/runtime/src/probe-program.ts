/** What the probe program ends with. */
export const PROBE_EXIT_CODE = 42;

const LOAD_ADDRESS = 0x400000;
const HEADER_SIZE = 64;
const SEGMENT_SIZE = 56;

/** exit(42), as each machine's instructions; ELF's machine numbers. */
const MACHINES: Partial<Record<NodeJS.Architecture, { machine: number; code: number[] }>> = {
  // mov edi, 42; mov eax, 60 (exit); syscall
  x64: { machine: 62, code: [0xbf, PROBE_EXIT_CODE, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05] },
  // mov x0, #42; mov x8, #93 (exit); svc #0
  arm64: { machine: 183, code: [0x40, 0x05, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4] },
};

/** The smallest program there is: a static ELF file (elf(5)) that needs nothing of the host it is tried on. */
export function probeProgram(): Buffer {
  const { machine, code } = MACHINES[process.arch] ?? { machine: 0, code: [] };
  const size = HEADER_SIZE + SEGMENT_SIZE + code.length;
  const file = Buffer.alloc(size);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // 64 bits, little endian, version 1
  file.writeUInt16LE(2, 16); // executable
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS + HEADER_SIZE + SEGMENT_SIZE), 24); // entry
  file.writeBigUInt64LE(BigInt(HEADER_SIZE), 32); // program headers
  file.writeUInt16LE(HEADER_SIZE, 52);
  file.writeUInt16LE(SEGMENT_SIZE, 54);
  file.writeUInt16LE(1, 56);
  const segment = file.subarray(HEADER_SIZE);
  segment.writeUInt32LE(1, 0); // load
  segment.writeUInt32LE(5, 4); // readable, executable
  segment.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 16);
  segment.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 24);
  segment.writeBigUInt64LE(BigInt(size), 32);
  segment.writeBigUInt64LE(BigInt(size), 40);
  segment.writeBigUInt64LE(0x10000n, 48);
  file.set(code, HEADER_SIZE + SEGMENT_SIZE);
  return file;
}
