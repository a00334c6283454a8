import subprocess
import sys

SAYS = """
import logging
from vqatune.runtime.logs import configure
configure()
# As rouge-score does, by absl, when it scores for the first time.
logging.basicConfig(level=logging.INFO)
configure()
logging.getLogger("vqatune.evaluation").info("one of 12 pictures does not open")
logging.getLogger("other").warning("of a library")
"""


def test_a_message_is_printed_once_though_a_library_gives_the_root_logger_a_handler():
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["one of 12 pictures does not open", "WARNING:other:of a library"]
