"""Start the aggregate stage: `python -m services.aggregate`."""

import os
import sys

from services import settings
from services.aggregate.app import main

if __name__ == "__main__":
    sys.exit(main(os.environ, settings.read))
