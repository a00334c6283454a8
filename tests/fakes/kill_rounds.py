"""Rounds of killing a stage or command, looking at what it left, and running it again to its end."""

import random
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import killed
import psutil
from filelock import FileLock
from forks import Ended, Forks
from kill_cases import ABSENT, AS_IT_IS, OLDER, Case

LONGEST = 120
"""Seconds after which a run is given up."""
GONE = 20
"""Seconds within which what a killed process has started must have ended."""
APART = {".git", ".dvc", "src", "stages", "__pycache__", "temporary"}
"""Folders that no stage or command writes to."""
HIDDEN = re.compile(r"\.[^/]+\.[0-9a-f]{8}(/|$)|\.tmp$|-journal$|-wal$|-shm$")
"""Unfinished files and folders, and SQLite's own."""
WORK = ".work/"

Check = Callable[["Rounds"], None]
Contents = dict[str, bytes | None]
"""path → content; of a folder with nothing in it, None."""


def contents(root: Path) -> Contents:
    """Return everything of a project that stages and commands may change."""
    found: Contents = {}
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if parts[0] in APART or "__pycache__" in parts:
            continue
        if path.is_file():
            found["/".join(parts)] = path.read_bytes()
        elif not any(path.iterdir()):
            found["/".join(parts)] = None
    return found


def restore(root: Path, wanted: Contents) -> None:
    """Have a project hold exactly this."""
    now = contents(root)
    for name in now.keys() - wanted.keys():
        if now[name] is None:
            (root / name).rmdir()
        else:
            (root / name).unlink()
            parent = (root / name).parent
            while parent != root and not any(parent.iterdir()):
                parent.rmdir()
                parent = parent.parent
    for name, content in wanted.items():
        if content is None:
            (root / name).mkdir(parents=True, exist_ok=True)
        elif now.get(name) != content:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)


def processes_in(root: Path) -> Iterator[str]:
    """Yield the command lines of processes that work in a folder."""
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(root) and process.status() != psutil.STATUS_ZOMBIE:
                yield " ".join(process.cmdline())
        except (psutil.Error, OSError):
            continue


class Rounds:
    """A case in a project of its own, and what was counted of it."""

    def __init__(
        self,
        checkout,
        case: Case,
        server,
        begins: Callable[[], None] = lambda: None,
        ends: Check = lambda _: None,
    ) -> None:
        """Prepare the project; `begins` is called before every run from the start, `ends` after a round."""
        self.root, self.case, self.begins, self.ends = checkout.root, case, begins, ends
        own = {"VQATUNE_WORKERS": str(case.workers), "TMPDIR": str(self.root / "temporary")}
        self.forks = Forks(server, self.root, checkout.environment | own)
        self.log = self.root.parent / "events.txt"
        self.count: Counter = Counter()
        self.seconds = 0.0
        (self.root / "temporary").mkdir()
        checkout.set_params(case.params)
        case.prepare(self.root, self.run)
        for name in case.work:
            shutil.rmtree(self.root / name, ignore_errors=True)
        asis = contents(self.root)
        inputs = {name: content for name, content in asis.items() if not self.is_output(name)}
        self.starts = {ABSENT: inputs, AS_IT_IS: asis}
        self.done, self.events = self.reference(case.before[0])
        older = {name: content + b"older" for name, content in self.done.items() if self.is_output(name)}
        self.starts[OLDER] = inputs | older

    def begin(self, before: str) -> None:
        """Have the project as before a round."""
        restore(self.root, self.starts[before])
        self.begins()

    def is_output(self, name: str) -> bool:
        """Return whether a path is that of an output, or in one."""
        return any(name == output or name.startswith(f"{output}/") for output in self.case.outputs)

    def compared(self, name: str) -> bool:
        """Return whether two runs write the same bytes there."""
        return not name.startswith(WORK) and name not in self.case.varying

    def run(self, *command: str) -> str:
        """Run a command that must go well; return what it printed."""
        self.forks.start(list(command))
        return self.finish()

    def ended(self, status: int) -> Ended:
        """Wait for the process, which must end with that status; return what it ended with."""
        ended = self.forks.wait(LONGEST)
        assert ended.status == status, (self.case.command, ended)
        return ended

    def finish(self, status: int = 0) -> str:
        """Wait for the process, which must end with that status; return what it printed."""
        return self.ended(status).out

    def start(self, number: int = 0) -> None:
        """Start the case, to be killed before that event."""
        self.forks.start([killed.__file__, str(number), str(self.log), *self.case.arguments()])

    def events_seen(self) -> list[str]:
        return self.log.read_text().splitlines()

    def reference(self, before: str) -> tuple[Contents, list[str]]:
        """Run the case undisturbed; return what there is then, and its events."""
        self.begin(before)
        begun = time.monotonic()
        self.start()
        self.printed = self.finish()
        self.seconds = time.monotonic() - begun
        self.usual = set((self.root / "temporary").iterdir())
        return contents(self.root), self.events_seen()

    def at_event(self, number: int, before: str) -> None:
        """Kill the case before that event, from 1 on, and run it again."""
        self.begin(before)
        self.start(number)
        self.finish(-signal.SIGKILL)
        event = self.events_seen()[-1].split()[0]
        self.after_a_kill(before, event)

    def at_moment(self, share: float, before: str) -> None:
        """Kill the case after that share of its seconds, and run it again; it may have ended before."""
        self.begin(before)
        self.start()
        time.sleep(share * self.seconds)
        self.forks.kill()
        ended = self.forks.wait(LONGEST)
        if ended.status == 0:
            self.count["ended before the kill"] += 1
            return
        assert ended.status == -signal.SIGKILL, ended
        self.after_a_kill(before, "moment")

    def after_a_kill(self, before: str, kind: str) -> None:
        """Look at what was left, run the case again, and compare all that there is then."""
        self.count[f"killed at {kind}"] += 1
        self.no_process()
        left = contents(self.root)
        self.whole(left, before)
        self.count["unfinished folders after a kill"] += any(map(HIDDEN.search, left))
        if self.case.only_new and all((self.root / name).exists() for name in self.case.outputs):
            # Whole, as was seen above. The command makes new files only, so that they are moved away before it runs again.
            self.start()
            assert "exists" in (said := self.ended(1).err) or "is not empty" in said or "holds" in said, said
            restore(self.root, {name: each for name, each in left.items() if not self.is_output(name)})
        self.start()
        printed = self.finish()
        self.no_process()
        again = contents(self.root)
        names = [name for name in again if HIDDEN.search(name)]
        assert not names, ("left over", self.case.command, kind, names)
        assert again.keys() == self.done.keys(), (
            kind,
            before,
            sorted(again.keys() ^ self.done.keys()),
        )
        different = [name for name in again if self.compared(name) and again[name] != self.done[name]]
        assert not different, (self.case.command, kind, before, different)
        assert not self.case.says or printed == self.printed
        kept = set((self.root / "temporary").iterdir()) - self.usual
        assert not kept, kept
        for lock in (self.root / ".work/locks").glob("*.lock"):
            with FileLock(lock, timeout=0):
                pass
        self.ends(self)
        self.count["compared"] += 1
        if self.case.resumes:
            self.count["resumed"] += self.steps(self.events_seen()) < self.steps(self.events)

    def steps(self, events: list[str]) -> int:
        return sum(bool(re.search(self.case.resumes, event)) for event in events)

    def whole(self, left: Contents, before: str) -> None:
        """Check that every output is absent, old or new, every model is so as a whole, and nothing else has changed."""
        old = self.starts[before]
        for name in (old.keys() | left.keys()) - {name for name in left if HIDDEN.search(name)}:
            if name.startswith(WORK) or old.get(name) is None and left.get(name) is None:
                continue
            allowed = [old.get(name)]
            if self.is_output(name):
                allowed += [self.done.get(name), None]
            whole = left.get(name) in allowed
            if name in self.case.varying and name in left:
                # Of which the last line is no other.
                whole = whole or left[name].split()[-1:] == self.done[name].split()[-1:]
            assert whole, (name, before, "is half-written")
        for folder in self.case.outputs:
            if folder.startswith(("models/", "zoo/models", "merged", "published/")):
                states = [
                    {name: content for name, content in each.items() if name.startswith(f"{folder}/")}
                    for each in (left, old, self.done)
                ]
                assert states[0] in states[1:], (folder, before, "is half-written")

    def no_process(self) -> None:
        """Check that nothing runs in the project any more, within seconds."""
        deadline = time.monotonic() + GONE
        while running := list(processes_in(self.root)):
            assert time.monotonic() < deadline, ("still running", running)
            time.sleep(0.02)
        self.count["looked for processes"] += 1

    def all(self) -> Counter:
        """Do all rounds of the case; return what was counted."""
        draw = random.Random(self.case.command)
        befores = self.case.before
        if OLDER in befores:
            done, _ = self.reference(OLDER)
            assert {name: content for name, content in done.items() if self.compared(name)} == {
                name: content for name, content in self.done.items() if self.compared(name)
            }
        count = min(self.case.events, len(self.events))
        self.count["events"] = len(self.events)
        for place in range(count):
            number = 1 + place * len(self.events) // count
            self.at_event(number, befores[place % len(befores)])
        for place in range(self.case.moments):
            self.at_moment(draw.random(), befores[place % len(befores)])
        self.forks.stop()
        return self.count
