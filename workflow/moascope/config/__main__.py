"""Write the JSON schema of the configuration and the tables of its keys."""

import sys
from pathlib import Path

from moascope.config.documents import write_documents

write_documents(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
