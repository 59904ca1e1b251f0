"""Start the alert stage: `python -m services.alert`."""

import os
import sys

from services import settings
from services.alert.app import main

if __name__ == "__main__":
    sys.exit(main(os.environ, settings.read))
