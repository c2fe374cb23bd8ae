"""The first key is made once, however many processes start at once on one volume."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from middleware.secrets import load_keys
from middleware.settings import Settings

PROCESSES = 8


def test_whoever_starts_at_once_has_one_key(tmp_path: Path) -> None:
    for turn in range(10):
        settings = Settings(data_dir=tmp_path / str(turn))
        start = Barrier(PROCESSES)

        def load(settings: Settings = settings, start: Barrier = start) -> tuple[str, ...]:
            start.wait()
            return load_keys(settings)

        with ThreadPoolExecutor(PROCESSES) as pool:
            found = {future.result() for future in [pool.submit(load) for _ in range(PROCESSES)]}
        assert len(found) == 1
        assert [each.name for each in settings.data_dir.iterdir()] == ["keys"]
        assert (settings.data_dir / "keys").stat().st_mode & 0o777 == 0o600
