"""Start the ingest stage: `python -m services.ingest`."""

import os
import sys

from services import settings
from services.ingest.app import main

if __name__ == "__main__":
    sys.exit(main(os.environ, settings.read))
