"""What the tests that set up half a machine share.

They take minutes, and run when asked for: `pytest tests/integration`.
"""


def pytest_addoption(parser):
    parser.addoption(
        "--slurm",
        action="store_true",
        help="let test_slurm.py install SLURM from the Debian archive and set it up in /etc/slurm",
    )
