"""What gunicorn.conf.py does to the process of a worker."""

import sys

import pytest

from tests import ROOT
from tests.support.processes import run
from todo_api.config import Config

LOADED = """
import gc, runpy, sys
from gunicorn.config import Config
conf = runpy.run_path("gunicorn.conf.py")
"""
SETTINGS = """
cfg = Config()
cfg.set("threads", 7)
before = {name: getattr(cfg, name) for name in cfg.settings}
conf["cache_settings"](cfg)
assert vars(cfg)["threads"] == 7
assert {name: getattr(cfg, name) for name in cfg.settings} == before
"""
THREADS = f"""
assert conf["threads"] == 2 * {Config.pool_size}
"""
GARBAGE = """
conf["post_fork"](None, None)
assert not gc.isenabled()
conf["collect_less_garbage"]()
assert gc.isenabled()
"""


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(SETTINGS, id="settings are attributes with the same values"),
        pytest.param(THREADS, id="there are twice as many threads as database connections"),
        pytest.param(GARBAGE, id="garbage is collected again when all is loaded"),
    ],
)
def test_process_of_a_worker_is_set_up(steps: str) -> None:
    ran = run([sys.executable, "-c", LOADED + steps], cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
