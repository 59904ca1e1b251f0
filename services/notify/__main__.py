"""`python -m services.notify`: the notify stage as a process."""

import os
import sys

from services import settings
from services.notify.app import main

if __name__ == "__main__":
    sys.exit(main(os.environ, settings.read))
