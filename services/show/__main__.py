"""Start the show stage: `python -m services.show`."""

import os
import sys

from services import settings
from services.show.app import main

if __name__ == "__main__":
    sys.exit(main(os.environ, settings.read))
