"""Rules, read from their files: scripts and the environments that they run in."""

import re

from moascope.core.named_functions import module_of
from moascope.pipeline import code_digests
from moascope.segmentation.engines.registry import METHODS


def rules(repository):
    """Read each rule's script and environment from the rule files."""
    text = "\n".join(file.read_text() for file in (repository / "workflow/rules").glob("*.smk"))
    blocks = re.split(r"^\s*(?:rule|checkpoint) ?(?=\w*:)", text, flags=re.MULTILINE)[1:]
    # What only marks a point in the plan has no script and starts no job.
    blocks = [block for block in blocks if "localrule: True" not in block]
    # A rule that is made several times has its name, up to what varies, in its first directive.
    return {re.match(r'(?::\s*name:\s*f")?(\w+)', block)[1]: block for block in blocks}


def environments_of_scripts(repository):
    """Return pairs of a file that jobs run and the name of the environment that they run it in."""
    pairs = []
    for block in rules(repository).values():
        script = repository / "workflow/scripts" / re.search(r"scripts/(\w+/\w+\.py)", block)[1]
        fixed = re.search(r'environment\("([\w-]+)"\)', block)
        names = [fixed[1]] if fixed else [method.environment for method in METHODS]
        pairs += [(script, name) for name in names]
    for method in METHODS:
        functions = [method.load, method.sees_gpu, method.check, method.measure]
        functions += [method.train, method.tune]
        modules = {module_of(function) for function in functions if function}
        pairs += [(code_digests._file_of(module), method.environment) for module in modules]
    return pairs
