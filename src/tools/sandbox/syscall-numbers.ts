/** A machine whose system calls are known. */
export type Machine = "x64" | "arm64";

/** What the kernel calls the machine: AUDIT_ARCH of linux/audit.h. */
export const auditArch: Readonly<Record<Machine, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** Numbers of a system call by machine; null where it does not exist. */
export type SyscallNumbers = readonly [x64: number | null, arm64: number | null];

/** Refused with EPERM: they look into other processes, change mounts, keys, the clock or the kernel. */
export const refusedCalls: Readonly<Record<string, SyscallNumbers>> = {
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  keyctl: [250, 219],
  add_key: [248, 217],
  request_key: [249, 218],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  fanotify_init: [300, 262],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  open_tree_attr: [467, 467],
  unshare: [272, 97],
  setns: [308, 268],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  lookup_dcookie: [212, 18],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  reboot: [169, 142],
  swapon: [167, 224],
  swapoff: [168, 225],
  acct: [163, 89],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  syslog: [103, 116],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  clock_adjtime: [305, 266],
  adjtimex: [159, 171],
  vhangup: [153, 58],
  iopl: [172, null],
  ioperm: [173, null],
  modify_ldt: [154, null],
};

/** Answered with ENOSYS, as by a kernel without them: libraries then do without. */
export const missingCalls: Readonly<Record<string, SyscallNumbers>> = {
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
};

/** Looked at more closely. */
export const socketCall: SyscallNumbers = [41, 198];
/** ioctl(2), of which some commands are refused and others are not. */
export const ioctlCall: SyscallNumbers = [16, 29];

/** Those with a mode of a file as their second argument. */
export const chmodCalls: Readonly<Record<string, SyscallNumbers>> = {
  chmod: [90, null],
  fchmod: [91, 52],
};
/** The same, as their third. */
export const chmodAtCalls: Readonly<Record<string, SyscallNumbers>> = {
  fchmodat: [268, 53],
  fchmodat2: [452, 452],
};

/** The number of a system call on a machine, or null where there is none. */
export function numberOn(machine: Machine, [x64, arm64]: SyscallNumbers): number | null {
  return machine === "x64" ? x64 : arm64;
}
