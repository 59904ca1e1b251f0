"""Start the store stage: `python -m services.store`."""

import os
import sys

from services import settings
from services.store.app import main

if __name__ == "__main__":
    sys.exit(main(os.environ, settings.read))
