"""All hand-computed cases. They are data: run any implementation of the contract on `models` and `log`."""

from .case import Case
from .cases_amounts import AMOUNTS
from .cases_history import HISTORY
from .cases_identity import IDENTITY
from .cases_instants import INSTANTS
from .cases_moves import MOVES
from .cases_multiple import MULTIPLE
from .cases_retention import RETENTION

CASES: list[Case] = [*MOVES, *INSTANTS, *AMOUNTS, *IDENTITY, *MULTIPLE, *HISTORY, *RETENTION]
