"""Start the track stage: `python -m services.track`."""

import os
import sys

from services import settings
from services.track.app import main

if __name__ == "__main__":
    sys.exit(main(os.environ, settings.read))
