"""Zone files on the disk, read again when they change."""

from __future__ import annotations

from pathlib import Path

from mailsuite.dns.zonefile import read_zone_file
from mailsuite.model.zone import Zone

Stamp = tuple[int, int, int]
_Seen = dict[Path, Stamp]


class ZoneFiles:
    """The master files of a directory. Blocking: called in a thread, one call at a time.

    ``zones`` are the zones by the files' paths, the last good one of each; ``faults`` say what is wrong with a file.
    """

    def __init__(self, directory: Path) -> None:
        self.zones: dict[str, Zone] = {}
        self.faults: dict[str, str] = {}
        self._directory = directory
        self._seen: dict[str, _Seen] = {}

    def look(self) -> bool:
        """Read what changed since the last look; did anything?"""
        try:
            paths = sorted(self._directory.glob("*.zone"))
        except OSError as error:
            fault = {str(self._directory): f"cannot be read: {error.strerror}"}
            changed = self.faults != fault
            self.faults = fault
            return changed
        names = {str(path) for path in paths}
        changed = bool(self._seen.keys() - names)
        for gone in self._seen.keys() - names:
            for known in (self.zones, self.faults, self._seen):
                known.pop(gone, None)
        for path in paths:
            seen = self._seen.get(str(path))
            if seen is None or any(stamp(file) != known for file, known in seen.items()):
                self._read(path)
                changed = True
        return changed

    def _read(self, path: Path) -> None:
        seen: _Seen = {}

        def read(file: Path) -> str:
            seen[file] = stamp(file)
            return file.read_text()

        name = str(path)
        try:
            self.zones[name] = read_zone_file(path, read)
            self.faults.pop(name, None)
        except (ValueError, OSError) as error:
            self.faults[name] = str(error)
        self._seen[name] = seen


def stamp(path: Path) -> Stamp:
    """What changes when the file does; zeros when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
