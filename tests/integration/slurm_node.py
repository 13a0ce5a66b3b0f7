"""One machine as a SLURM cluster of its own, for as long as a test runs.

Needs root and the Debian packages. No systemd, no accounting database. The GPUs are pretended: each
is a device file that behaves like /dev/null, which is enough for SLURM to count and hand out.
"""

import os
import re
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PACKAGES = ["munge", "slurm-client", "slurmctld", "slurmd"]
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun"]
# The executor of a job step drops SLURM_CONF, so the files must lie where SLURM looks by itself.
SETTINGS = Path("/etc/slurm")
FILES = ["slurm.conf", "gres.conf", "cgroup.conf"]

SLURM_CONF = """\
ClusterName=onemachine
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/finished_jobs.txt
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=2
GresTypes=gpu
# More than the machine may have: what is tested is what jobs ask for, not how fast they are.
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=2-00:00:00 State=UP
PartitionName=gpu Nodes={host} MaxTime=2-00:00:00 State=UP
# Finished jobs stay listed until the test has looked at them.
MinJobAge=3600
KillWait=5
"""


def installed() -> bool:
    """Tell whether all programs of SLURM are there."""
    return all(shutil.which(program) for program in PROGRAMS)


def install() -> None:
    """Install SLURM from the Debian archive."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-y", "-q", "--no-install-recommends"]
    for command in (["update", "-q"], ["install", *options, *PACKAGES]):
        subprocess.run(["apt-get", *command], env=environment, check=True, capture_output=True)


def configured() -> bool:
    """Tell whether the machine has a SLURM configuration already, which is not ours to touch."""
    return any((SETTINGS / name).exists() for name in FILES)


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SlurmNode:
    """A controller and one node on this machine; a context in which `sbatch` works.

    Parameters
    ----------
    folder : pathlib.Path
        Where state, logs, key and pretended GPUs go.
    cpus, memory_mb, gpus : int
        What the node says it has.
    """

    def __init__(
        self, folder: Path, cpus: int = 32, memory_mb: int = 64_000, gpus: int = 2
    ) -> None:
        self.folder = folder
        self.cpus, self.memory_mb, self.gpus = cpus, memory_mb, gpus
        self.host = socket.gethostname().partition(".")[0]
        self.running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "SlurmNode":
        try:
            self._configure()
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["scancel", *self.queued()], check=False, capture_output=True, timeout=30)
        self._wait(lambda: not self.queued(), seconds=30)
        self._stop()

    def jobs(self) -> list[dict[str, str]]:
        """List all jobs since the start, finished or not, with what `scontrol` knows of them."""
        lines = self._answer("scontrol", "--oneliner", "show", "job").splitlines()
        return [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if "JobId=" in line]

    def queued(self) -> list[str]:
        """List the identifiers of jobs that wait or run."""
        return self._answer("squeue", "-h", "-o", "%i").split()

    def finished(self) -> dict[str, str]:
        """Read from the log of SLURM, which comes a little later, what state jobs ended in."""
        ended = {job["JobId"] for job in self.jobs()} - set(self.queued())
        self._wait(lambda: ended <= set(self._logged()))
        return self._logged()

    def _logged(self) -> dict[str, str]:
        log = self.folder / "finished_jobs.txt"
        text = log.read_text() if log.exists() else ""
        return dict(re.findall(r"JobId=(\d+) .*?JobState=(\w+)", text))

    def _configure(self) -> None:
        """Write the configuration, the key and the pretended GPUs."""
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        for number in range(self.gpus):
            os.mknod(self.folder / f"gpu{number}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        gpus = f"NodeName={self.host} Name=gpu File={self.folder}/gpu[0-{self.gpus - 1}]\n"
        contents = [SLURM_CONF.format(**self._settings()), gpus, "ConstrainCores=no\n"]
        SETTINGS.mkdir(exist_ok=True)
        for name, content in zip(FILES, contents, strict=True):
            (SETTINGS / name).write_text(content)

    def _settings(self) -> dict[str, object]:
        return {
            **{"host": self.host, "folder": self.folder},
            **{"cpus": self.cpus, "memory_mb": self.memory_mb, "gpus": self.gpus},
            **{"controller_port": free_port(), "node_port": free_port()},
        }

    def _start(self) -> None:
        """Start the three services and wait until the node takes jobs."""
        munge = {
            **{"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid"},
            **{"log-file": "munged.log", "seed-file": "munged.seed"},
        }
        options = [f"--{name}={self.folder / file}" for name, file in munge.items()]
        self._run("munged", "--foreground", "--force", *options)
        self._wait((self.folder / "munge.socket").exists)
        self._run("slurmctld", "-D", "-c")
        self._run("slurmd", "-D")
        if not self._wait(lambda: "idle" in self._answer("sinfo", "-h", "-o", "%T")):
            logs = [log.read_text()[-2000:] for log in self.folder.glob("*.log")]
            raise RuntimeError("SLURM did not start:\n" + "\n".join(logs))

    def _run(self, *command: str) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.running.append(subprocess.Popen(command, **quiet))

    def _stop(self) -> None:
        """Stop what was started, the last first, and take the configuration away."""
        for process in reversed(self.running):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()
        for name in FILES:
            (SETTINGS / name).unlink(missing_ok=True)

    @staticmethod
    def _answer(*command: str) -> str:
        """Give what a program of SLURM prints; nothing while SLURM does not answer."""
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        return done.stdout

    @staticmethod
    def _wait(condition: Callable[[], object], seconds: float = 30) -> bool:
        """Wait until a condition holds; tell whether it came to hold in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.2)
        return False
