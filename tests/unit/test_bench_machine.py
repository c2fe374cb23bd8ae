"""What is read from /proc: trees of processes, their CPU, and who listens."""

import os
import socket
import subprocess
import sys

import pytest

from middleware.bench import machine

pytestmark = pytest.mark.skipif(not machine.PROC.joinpath("stat").exists(), reason="no /proc")


def test_a_tree_is_a_process_and_all_below_it() -> None:
    known = {
        pid: machine.Process(pid, parent, 1.0, 0)
        for pid, parent in ((1, 0), (2, 1), (3, 2), (4, 1), (9, 0))
    }
    assert {each.pid for each in machine.tree(1, known)} == {1, 2, 3, 4}
    assert machine.tree(7, known) == []


def test_a_child_that_works_is_ours_and_its_cpu_is_counted() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    run, pipe = [sys.executable, "-c", burn], subprocess.PIPE
    with subprocess.Popen(run, stdin=pipe, stdout=pipe) as child:
        before = machine.look({"child": child.pid})
        assert child.stdout is not None
        child.stdout.readline()
        after = machine.look({"child": child.pid})
        child.communicate(b"\n")
    assert machine.used_between(before, after)["child"] > 0.1
    assert after.ours_s - before.ours_s > 0.1


def test_the_port_is_served_by_whoever_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        assert machine.listeners(port) == {os.getpid()}
        assert machine.serves(port, os.getpid())
        assert not machine.serves(port, os.getppid() + 10**6)
    assert not machine.serves(port, os.getpid())


def test_nobody_else_uses_what_we_use_alone() -> None:
    before = machine.Moment(0.0, {}, 10.0, 5.0)
    cores = os.cpu_count() or 1
    assert machine.others_between(before, machine.Moment(1.0, {}, 11.0, 6.0)) == 0.0
    strangers = machine.Moment(1.0, {}, 10.0 + cores / 2, 5.0)
    assert machine.others_between(before, strangers) == pytest.approx(0.5)
