/** The guardian: a shell that outlives us by seconds and ends our process groups when we die without a word. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { ProcessIdentity } from './processes.js';

/**
 * Reads one order a line from a pipe; the end of the pipe means that its owner is gone. A group is
 * ended only if its leader still has the recorded start time, or has gone before its members.
 */
const SCRIPT = `
trap '' INT TERM HUP QUIT
wards=' '
rubbish=''
started() {
  if [ -r "/proc/$1/stat" ]; then
    read -r line < "/proc/$1/stat" || return 0
    set -- \${line##*) }
    shift 19
    printf '%s' "$1"
  elif [ ! -d /proc/1 ]; then
    ps -o lstart= -p "$1" | tr -s ' ' '_' | sed 's/^_//;s/_$//'
  fi
}
each() {
  for ward in $wards; do
    now=$(started "\${ward%%=*}")
    if [ -z "$now" ] || [ "$now" = "\${ward#*=}" ]; then kill "-$1" "-\${ward%%=*}" 2>/dev/null && left=1; fi
  done
}
while IFS= read -r order; do
  case "$order" in
    'add '*) wards="$wards\${order#add } " ;;
    'del '*)
      ward="\${order#del }"
      case "$wards" in *" $ward "*) wards="\${wards%% "$ward" *} \${wards#* "$ward" }" ;; esac ;;
    'litter '*/medloop-test-*) rubbish="\${order#litter }
$rubbish" ;;
    'bye') exit 0 ;;
  esac
done
left=0; each TERM
tries=0
while [ "$left" = 1 ] && [ "$tries" -lt 12 ]; do sleep 0.25; tries=$((tries + 1)); left=0; each 0; done
each KILL
printf '%s' "$rubbish" | while IFS= read -r folder; do [ -n "$folder" ] && rm -rf -- "$folder"; done
`;

/** A live guardian. */
export interface Guardian {
  readonly pid: number;
  /** Resolves when the guardian has been told, so that the process may be let loose. */
  watch(leader: ProcessIdentity): Promise<void>;
  forget(leader: ProcessIdentity): Promise<void>;
  /** Names a temporary folder of a test (`medloop-test-…`) to be removed after the processes. */
  litter(folder: string): Promise<void>;
  /** Ends the guardian, leaving everything that it watches alone. */
  dismiss(): Promise<void>;
  onExit(listener: () => void): void;
}

/** Starts a guardian that keeps neither this process nor its terminal waiting. */
export function startGuardian(): Guardian {
  const child: ChildProcess = spawn('sh', ['-c', SCRIPT], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const pipe = child.stdin;
  if (pipe === null || child.pid === undefined) throw new Error('the guardian could not be started');
  child.unref();
  (pipe as Writable & { unref?: () => void }).unref?.();
  // Its death is noticed through 'exit'; a write that comes between must not be an uncaught error.
  pipe.on('error', () => undefined);
  const tell = async (order: string): Promise<void> =>
    new Promise((resolve) => {
      pipe.write(`${order}\n`, () => {
        resolve();
      });
    });
  const named = (leader: ProcessIdentity): string => `${leader.pid}=${leader.startedAt}`;
  return {
    pid: child.pid,
    watch: async (leader) => tell(`add ${named(leader)}`),
    forget: async (leader) => tell(`del ${named(leader)}`),
    litter: async (folder) => tell(`litter ${folder}`),
    dismiss: async () => tell('bye'),
    onExit: (listener) => child.once('exit', listener),
  };
}
